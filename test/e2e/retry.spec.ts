import type { Page } from '@playwright/test';
import { expect, expectAccessible, signIn, test } from './fixtures.ts';

type Lab = Parameters<Parameters<typeof test>[2]>[0]['lab'];

/** A delivery that the partner refuses, opened. */
async function openFailed(page: Page, lab: Lab, status: number, billId = 'R-1') {
  lab.partner.answer = { status, body: '{"error":"no such test code"}' };
  const logId = await lab.bill(billId);
  await signIn(page, lab.engine);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  const log = page.getByRole('region', { name: `Log ${logId}` });
  await expect(log.getByText('Failed').first()).toBeVisible();
  return { logId, log };
}

test('a changed bill is looked at and sent again, and its attempt shows by itself', async ({
  page,
  lab,
}) => {
  const { logId, log } = await openFailed(page, lab, 400);
  const { key } = await lab.engine.call('createAccessKey', { kind: 'inbound', name: 'Cashier' });
  const patient = { patient_id: 'P-1', name: 'B. Rao' };
  await lab.engine.post(
    '/billing/',
    { lab_id: 7, bill: { bill_id: 'R-1', test_code: 'GLU', patient } },
    key,
  );
  await log.getByRole('button', { name: 'Retry …', exact: true }).click();
  await expect(log.getByRole('heading', { name: 'Send it again' })).toBeFocused();
  await expect(log.getByText('It may be sent again just so.')).toBeVisible();
  const differences = log.getByRole('region', { name: 'Differences' });
  await expect(differences.getByRole('row', { name: /test_code/ })).toContainText('added');
  // That the name has changed is told, not what it was.
  await expect(differences.getByRole('row', { name: /name/ })).toContainText('••••');
  expect(await page.content()).not.toContain('B. Rao');
  await expectAccessible(page);

  lab.partner.answer = { status: 200, body: '{"taken":true}' };
  await log.getByLabel(/Why is it to be sent again/).fill('they have mended their list');
  await log.getByRole('button', { name: /^Send / }).click();
  await expect(log.getByText(/Queued with revision/)).toBeVisible();
  await expect(log.getByText('Success')).toBeVisible();
  await expect(log.getByText(/Attempt 2 \(started by an operator\)/)).toBeVisible();
  expect(lab.partner.bodies.at(-1)).toMatchObject({ data: { bill: { test_code: 'GLU' } } });
  const { attempts } = await lab.engine.call('getLog', { log_id: logId });
  expect(attempts.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
    'FIRST FAIL',
    'MANUAL SUCCESS',
  ]);
});

test('what is in doubt is not sent again without a reason', async ({ page, lab }) => {
  const { logId, log } = await openFailed(page, lab, 500);
  await log.getByRole('button', { name: 'Retry …', exact: true }).click();
  await expect(log.getByText('Sending it again takes a reason.')).toBeVisible();
  await expect(log.getByText(/The receiver may hold revision 1/)).toBeVisible();
  const send = log.getByRole('button', { name: /^Send / });
  // The field is needed: the browser itself keeps the form from leaving.
  await send.click();
  await log.getByLabel(/Why is it to be sent again/).fill('x');
  await send.click();
  await expect(log.getByRole('alert')).toHaveText(/Say why in a few words/);
  await expectAccessible(page);
  const { attempts } = await lab.engine.call('getLog', { log_id: logId });
  expect(attempts.filter(({ kind }) => kind === 'MANUAL')).toEqual([]);
  // Esc leaves the panel, not the log.
  await page.keyboard.press('Escape');
  await expect(log.getByRole('heading', { name: 'Send it again' })).toHaveCount(0);
  await expect(log).toBeVisible();
});

test('a body is edited in clear, for a reason, and goes as a revision of its own', async ({
  page,
  lab,
}) => {
  const { logId, log } = await openFailed(page, lab, 400);
  await log.getByRole('button', { name: 'Retry …', exact: true }).click();
  // Whoever chooses with the arrow keys stays among the choices, and nothing is cut off when it is narrow.
  await page.setViewportSize({ width: 420, height: 900 });
  await log.getByLabel('Built anew from current data').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(log.getByLabel(/Edited by you/)).toBeFocused();
  const widths = () => [document.documentElement.scrollWidth, window.innerWidth];
  const [content, view] = await page.evaluate(widths);
  expect(content).toBe(view);
  await log.getByLabel(/you must see it in clear/).fill('to mend the code');
  await log.getByRole('button', { name: 'Show it in clear' }).click();
  const body = log.getByLabel('The body to be sent');
  await expect(body).toHaveValue(/A\. Rao/);
  await body.fill('{"bill":{');
  const look = log.getByRole('button', { name: 'See what it changes' });
  await look.click();
  await expect(log.getByRole('alert')).toContainText('its body is JSON, and this text is not');
  await expect(log.getByRole('button', { name: /^Send / })).toHaveCount(0);
  await body.fill('{"bill":{"bill_id":"R-1","code":"mended"}}');
  await look.click();
  const differences = log.getByRole('region', { name: 'Differences' });
  await expect(differences.getByRole('row', { name: /\/bill added/ })).toContainText('mended');
  await expectAccessible(page);
  // What is written after that must be looked at anew.
  await body.press('End');
  await body.press('Space');
  await expect(log.getByRole('button', { name: /^Send / })).toHaveCount(0);
  // Esc asks before it throws away what was written.
  page.once('dialog', (dialog) => void dialog.dismiss());
  await page.keyboard.press('Escape');
  await body.press('Backspace');
  lab.partner.answer = { status: 200, body: '{}' };
  await log.getByLabel(/Why is it to be sent again/).fill('the code was wrong');
  await log.getByRole('button', { name: 'Send the edited body as revision 2' }).click();
  await expect(log.getByText('Success')).toBeVisible();
  expect(lab.partner.bodies.at(-1)).toEqual({ bill: { bill_id: 'R-1', code: 'mended' } });
  const { revisions } = await lab.engine.call('getLog', { log_id: logId });
  expect(revisions.map(({ reason }) => reason)).toEqual(['FIRST', 'EDITED']);
});

test('what has changed since it was looked at is not sent, but looked at again', async ({
  page,
  lab,
}) => {
  const { log } = await openFailed(page, lab, 400);
  await log.getByRole('button', { name: 'Retry …', exact: true }).click();
  await log.getByLabel(/Why is it to be sent again/).fill('they ask for it');
  const { key } = await lab.engine.call('createAccessKey', { kind: 'inbound', name: 'Cashier' });
  await lab.engine.post('/billing/', { lab_id: 7, bill: { bill_id: 'R-1', code: 'GLU' } }, key);
  await log.getByRole('button', { name: 'Send revision 1 again' }).click();
  await expect(log.getByRole('alert')).toContainText('other bytes would be sent by now');
  await log.getByRole('button', { name: 'Look again' }).click();
  const differences = log.getByRole('region', { name: 'Differences' });
  await expect(differences.getByRole('row', { name: /code/ })).toContainText('added');
  await log.getByRole('button', { name: 'Send it as built anew: revision 2' }).click();
  await expect(log.getByText(/Queued with revision 2/)).toBeVisible();
});

test('a stored revision goes where the mapping fails now', async ({ page, lab }) => {
  const { logId, log } = await openFailed(page, lab, 400);
  const { lab_integration_id: id } = await lab.engine.call('getLog', { log_id: logId });
  await lab.engine.call('addUpdateWebhookIntegration', {
    lab_integration_id: id ?? 0,
    mapping: '$exists(bill.bill_id) and bill.bill_id = "R-1" ? $error("no") : {"a": 1}',
  });
  await log.getByRole('button', { name: 'Retry …', exact: true }).click();
  await expect(log.getByText(/It cannot be sent so just now/)).toBeVisible();
  await expect(log.getByRole('button', { name: /^Send / })).toHaveCount(0);
  await log.getByLabel('As it is stored').check();
  await log.getByLabel('Revision', { exact: true }).selectOption('1, as first built');
  await expect(log.getByText('It may be sent again just so.')).toBeVisible();
  await expectAccessible(page);
  await log.getByRole('button', { name: 'Send revision 1 again' }).click();
  await expect(log.getByText(/Queued with revision 1/)).toBeVisible();
});

test('what waits is cancelled for a reason', async ({ page, lab }) => {
  await lab.engine.call('setDeliveryPaused', { paused: true, reason: 'to have it wait' });
  const logId = await lab.bill('R-2');
  await signIn(page, lab.engine);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  const log = page.getByRole('region', { name: `Log ${logId}` });
  await log.getByRole('button', { name: 'Cancel retry …' }).press('Enter');
  const reason = log.getByLabel(/Why is it not to be sent/);
  await expect(reason).toBeFocused();
  await expectAccessible(page);
  await page.keyboard.insertText('sent by post');
  await page.keyboard.press('Enter');
  await expect(log.getByText('Nothing more of it is sent.')).toBeVisible();
  await expect(log.getByText('sent by post')).toBeVisible();
  await expect(log.getByRole('button', { name: 'Cancel retry …' })).toHaveCount(0);
});

test('an integration is stopped by hand for a reason, and let go again', async ({ page, lab }) => {
  await lab.bill('S-1');
  await expect.poll(() => lab.partner.bodies.length).toBe(1);
  const logId = await lab.bill('S-2');
  await signIn(page, lab.engine);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  const log = page.getByRole('region', { name: `Log ${logId}` });
  await log.getByRole('button', { name: 'Stop its integration …' }).click();
  await log.getByLabel(/Why is nothing of this integration to leave/).fill('they move house');
  await page.keyboard.press('Enter');
  const stopped = page.getByRole('region', { name: 'Integrations that are stopped' });
  await expect(stopped).toContainText('Bills to the partner');
  await expect(stopped).toContainText('by first admin: they move house');
  await lab.bill('S-3');
  await expect(stopped).toContainText('One delivery waits', { timeout: 45_000 });
  expect(lab.partner.bodies).toHaveLength(2);
  await expectAccessible(page);

  await stopped.getByRole('button', { name: 'Close the breaker …' }).click();
  await stopped.getByLabel(/Why may its deliveries go again/).fill('they have arrived');
  await expectAccessible(page);
  await page.keyboard.press('Enter');
  await expect(stopped).toHaveCount(0);
  await expect.poll(() => lab.partner.bodies.length).toBe(3);
});

test('a viewer is offered no retry', async ({ page, lab }) => {
  const logId = await lab.bill('R-3');
  const { key } = await lab.engine.call('createAccessKey', {
    kind: 'user',
    name: 'Vera',
    role: 'viewer',
  });
  await signIn(page, lab.engine, key);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  await expect(page.getByText('Patient data is masked.')).toBeVisible();
  await expect(page.getByRole('button', { name: /Retry/ })).toHaveCount(0);
  await page.getByLabel('Status').selectOption('Success');
  await expect(page.getByRole('button', { name: /Retry/ })).toHaveCount(0);
});

test('many are planned, looked at, started, and followed to their end', async ({ page, lab }) => {
  lab.partner.answer = { status: 400, body: '{}' };
  const made = [];
  for (let n = 0; n < 12; n++) made.push(await lab.bill(`M-${n}`));
  await signIn(page, lab.engine);
  await expect(page.locator('tbody tr').getByText('Failed')).toHaveCount(12);
  await page.getByLabel('Status').selectOption('Failed');
  await page.getByRole('button', { name: 'Retry these …' }).click();
  await page.getByLabel(/^Why\?/).fill('they have mended their list');
  await page.getByLabel(/Only of the integration/).fill('1');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Plan it' }).click();

  const bulk = page.getByRole('region', { name: /^Bulk retry/ });
  await expect(bulk.getByText('Planned', { exact: false }).first()).toBeVisible();
  await expect(bulk.getByText('12 found, 0 refused')).toBeVisible();
  await expectAccessible(page);
  expect(lab.partner.bodies).toHaveLength(12);

  lab.partner.answer = { status: 200, body: '{}' };
  await bulk.getByRole('button', { name: /^Send 12 logs again/ }).click();
  await expect(bulk.getByText('12 of 12 settled')).toBeVisible({ timeout: 20_000 });
  await expect(bulk.getByText(/12 succeeded, 0 failed/)).toBeVisible();
  await expect(bulk.getByText('Done', { exact: false }).first()).toBeVisible();
  await expectAccessible(page);
  expect(lab.partner.bodies).toHaveLength(24);

  // It can be looked at again by its address.
  const address = page.url();
  expect(address).toMatch(/#\/bulk\//);
  await page.keyboard.press('Escape');
  await expect(bulk).toHaveCount(0);
  await page.getByText('Bulk retries', { exact: true }).click();
  await expect(page.getByRole('link', { name: /, 12 logs$/ })).toHaveAttribute(
    'href',
    new URL(address).hash,
  );
  await expectAccessible(page);
  await page.goto(address);
  await expect(bulk.getByText('12 of 12 settled')).toBeVisible();
});

test('one that fails first stops the rest, which is told and can be cancelled', async ({
  page,
  lab,
}) => {
  lab.partner.answer = { status: 400, body: '{}' };
  for (let n = 0; n < 5; n++) await lab.bill(`C-${n}`);
  await signIn(page, lab.engine);
  await expect(page.locator('tbody tr').getByText('Failed')).toHaveCount(5);
  await page.getByLabel('Status').selectOption('Failed');
  await page.getByRole('button', { name: 'Retry these …' }).click();
  await page.getByLabel(/^Why\?/).fill('they say that it is mended');
  await page.getByRole('button', { name: 'Plan it' }).click();
  const bulk = page.getByRole('region', { name: /^Bulk retry/ });
  await bulk.getByRole('button', { name: /^Send 5 logs again/ }).click();
  await expect(bulk.getByText('Stopped', { exact: false }).first()).toBeVisible();
  await expect(bulk.getByText(/4 waiting/)).toBeVisible();
  const first = bulk.getByText(/that of integration \d+ has failed \(HTTP_STATUS 400\)/);
  await expect(first.getByRole('link')).toBeVisible();
  await expectAccessible(page);
  // It asks first, since what is cancelled must be planned anew.
  const cancel = bulk.getByRole('button', { name: /^Cancel/ });
  page.once('dialog', (dialog) => void dialog.dismiss());
  await cancel.click();
  await expect(bulk.getByText(/4 waiting/)).toBeVisible();
  page.once('dialog', (dialog) => void dialog.accept());
  await cancel.click();
  await expect(bulk.getByText('Cancelled', { exact: false }).first()).toBeVisible();
  expect(lab.partner.bodies).toHaveLength(6);
});
