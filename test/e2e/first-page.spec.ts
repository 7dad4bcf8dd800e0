import { expect, expectAccessible, signIn, test } from './fixtures.ts';

const UNKNOWN_ID = '01890000-0000-7000-8000-000000000000';

test('tells health to anyone, and asks for a key before anything else', async ({ page, lab }) => {
  await page.goto(lab.engine.url);
  await expect(page.getByText('Health: ok')).toBeVisible();
  await expect(page.getByText('admin.token')).toBeVisible();
  await expect(page.getByRole('table')).toHaveCount(0);
  await expectAccessible(page);
});

test('refuses a wrong key and says what to do', async ({ page, lab }) => {
  await page.goto(lab.engine.url);
  await page.getByLabel('User key').fill('not-the-key');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toHaveText(/key is not valid/);
  await expectAccessible(page);

  await page.getByLabel('User key').fill(lab.engine.adminKey);
  await page.keyboard.press('Enter');
  await expect(page.getByText('No logs yet.')).toBeVisible();
});

test('stays signed in over a reload, in every tab, until signing out', async ({ page, lab }) => {
  await signIn(page, lab.engine);
  await expect(page.getByText('first admin (admin)')).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Logs', exact: true })).toBeVisible();
  // No script of the page can read what says who one is.
  expect(await page.evaluate(() => document.cookie + JSON.stringify(sessionStorage))).toBe('{}');
  const other = await page.context().newPage();
  await other.goto(lab.engine.url);
  await expect(other.getByRole('heading', { name: 'Logs', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.reload();
  await expect(page.getByLabel('User key')).toBeVisible();
  await expect(other.getByText('Your session has ended. Sign in again.')).toBeVisible();
});

test('says so where a session was ended, and takes one back to where one was', async ({
  page,
  lab,
}) => {
  const logId = await lab.bill('B-20');
  await signIn(page, lab.engine);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  const heading = page.getByRole('heading', { name: `Log ${logId}` });
  await expect(heading).toBeVisible();
  const { items } = await lab.engine.call('listSessions', {});
  await lab.engine.call('revokeSession', { session_id: items[0]?.session_id ?? 0 });
  await expect(page.getByRole('alert')).toHaveText(/Your session has ended. Sign in again./);
  await expect(page.getByRole('table')).toHaveCount(0);
  await expectAccessible(page);
  await page.getByLabel('User key').fill(lab.engine.adminKey);
  await page.keyboard.press('Enter');
  await expect(heading).toBeVisible();
});

test('masks patient data, and shows it to an operator for a reason, on record', async ({
  page,
  lab,
}) => {
  const logId = await lab.bill('B-21');
  await signIn(page, lab.engine);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  const log = page.getByRole('region', { name: `Log ${logId}` });
  const body = log.getByRole('region', { name: 'Request body' });
  await expect(body).toContainText('"name": "••••"');
  expect(await page.content()).not.toContain('A. Rao');

  await log.getByRole('button', { name: 'Reveal' }).click();
  const reason = log.getByLabel(/Why do you need to see it/);
  await expect(reason).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(log.getByRole('alert')).toHaveText(/Say why in a few words/);
  await expectAccessible(page);
  // Esc leaves the question; the log stays open.
  await reason.press('Escape');
  await expect(reason).toHaveCount(0);

  await log.getByRole('button', { name: 'Reveal' }).click();
  await reason.fill('the partner asks');
  await page.keyboard.press('Enter');
  await expect(body).toContainText('"name": "A. Rao"');
  await expect(log.getByText('that you have seen it is recorded')).toBeVisible();
  await expectAccessible(page);
  const { items } = await lab.engine.call('listAudit', { action: 'revealLog' });
  expect(items.at(-1)).toMatchObject({ actor: 'first admin', reason: 'the partner asks' });

  await log.getByRole('button', { name: 'Hide it again' }).click();
  await expect(body).toContainText('"name": "••••"');
});

test('offers a viewer nothing that would refuse them', async ({ page, lab }) => {
  const logId = await lab.bill('B-22');
  const { key } = await lab.engine.call('createAccessKey', {
    kind: 'user',
    name: 'Vera',
    role: 'viewer',
  });
  await signIn(page, lab.engine, key);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  await expect(page.getByText('Patient data is masked.')).toBeVisible();
  await expect(page.getByText('Vera (viewer)')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Reveal' })).toHaveCount(0);
});

test('shows a delivery live, with its status in a word', async ({ page, lab }) => {
  await signIn(page, lab.engine);
  const logId = await lab.bill('B-1');
  const row = page.getByRole('row', { name: logId.slice(-12) });
  await expect(row).toContainText('Success');
  await expect(row).toContainText('BILL_GENERATED');
  await expect(row).toContainText('200');
  expect(lab.partner.bodies).toHaveLength(1);
  await expectAccessible(page);
});

test('opens a log by its whole log_id: request, response, stages, revisions', async ({
  page,
  lab,
}) => {
  await signIn(page, lab.engine);
  const logId = await lab.bill('B-2');
  await page.keyboard.press('/');
  await expect(page.getByLabel('log_id')).toBeFocused();
  await page.keyboard.insertText(logId);

  const log = page.getByRole('region', { name: `Log ${logId}` });
  await expect(log.getByText('The partner has accepted it.').first()).toBeVisible();
  await expect(log.getByText('Log created, before anything was sent.')).toBeVisible();
  await expect(log.getByText(/Attempt 1 ended: 200/)).toBeVisible();
  await expect(log.getByText('Stage reached: Outcome reported.')).toBeVisible();
  await expect(log.getByText(`POST ${lab.partner.url}`, { exact: true })).toBeVisible();
  await expect(log.getByRole('region', { name: 'Request body' })).toContainText('"B-2"');
  await expect(log.getByRole('region', { name: 'Response body' })).toContainText('"taken": true');
  await log.getByText('Revision 1, as first built').click();
  await expect(log.getByText('Key at the receiver')).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`#/logs/${logId}$`));
  await expectAccessible(page);
});

test('finds a log by its last six characters; Enter opens it, Esc closes it', async ({
  page,
  lab,
}) => {
  const ids = [await lab.bill('B-3'), await lab.bill('B-4'), await lab.bill('B-5')];
  const wanted = ids[1] ?? '';
  await signIn(page, lab.engine);
  await page.getByLabel('log_id').fill(wanted.slice(-6));
  await expect(page.locator('tbody tr')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: `Log ${wanted}` })).toBeFocused();

  await page.keyboard.press('Escape');
  await expect(page.getByRole('region', { name: /^Log / })).toHaveCount(0);
  await expect(page.getByRole('link', { name: `Open log ${wanted}` })).toBeFocused();
});

test('says what a log_id looks like, and when there is none', async ({ page, lab }) => {
  await signIn(page, lab.engine);
  const box = page.getByLabel('log_id');
  await box.fill('abc');
  await expect(page.getByText('Give at least 6 characters.')).toBeVisible();
  await box.fill('bill 17');
  await expect(page.getByText(/only the digits/)).toBeVisible();
  await box.fill('abcdef');
  await expect(page.getByText('No log’s id begins or ends with abcdef')).toBeVisible();
  await box.fill(UNKNOWN_ID);
  await expect(page.getByRole('alert')).toBeVisible();
  await expectAccessible(page);
});

test('tells a failure and its certainty in words', async ({ page, lab }) => {
  lab.partner.answer = { status: 400, body: '{"error":"no such test code"}' };
  const logId = await lab.bill('B-6');
  await signIn(page, lab.engine);
  await page.getByRole('link', { name: `Open log ${logId}` }).press('Enter');
  const log = page.getByRole('region', { name: `Log ${logId}` });
  await expect(log.getByText('Failed')).toBeVisible();
  await expect(
    log.getByText('The partner refused it: sending the same again will not help.').first(),
  ).toBeVisible();
  await expect(log.getByRole('region', { name: 'Response body' })).toContainText('"error": "••••"');
  await expectAccessible(page);
});

test('leaves suppressed logs out unless asked for', async ({ page, lab }) => {
  lab.partner.answer = { status: 209, body: '{}' };
  const logId = await lab.bill('B-7');
  await signIn(page, lab.engine);
  await expect
    .poll(async () => (await lab.engine.call('getLog', { log_id: logId })).status)
    .toBe('SUPPRESSED');
  const row = page.getByRole('row', { name: logId.slice(-12) });
  await expect(row).toHaveCount(0);
  await page.getByLabel('Show suppressed logs too').check();
  await expect(row).toContainText('Suppressed');
});

test('shows calls into the lab where asked, linked with what they have fired', async ({
  page,
  lab,
}) => {
  const logId = await lab.bill('B-13');
  const { triggered_by: callId } = await lab.engine.call('getLog', { log_id: logId });
  await signIn(page, lab.engine);
  const call = page.getByRole('row', { name: callId?.slice(-12) ?? '' });
  await expect(page.getByRole('row', { name: logId.slice(-12) })).toBeVisible();
  await expect(call).toHaveCount(0);
  await page.getByLabel('Show calls into the lab too').check();
  await expect(call).toContainText('Call to /billing/');
  await expectAccessible(page);

  await page.getByRole('link', { name: `Open log ${callId}` }).click();
  const log = page.getByRole('region', { name: `Log ${callId}` });
  await expect(log.getByText('A call into the lab that was answered as asked.')).toBeVisible();
  await expect(log.getByText('127.0.0.1', { exact: true })).toBeVisible();
  await expect(log.getByRole('region', { name: 'Request body' })).toContainText('"B-13"');
  await expect(log.getByText('Attempt 1')).toHaveCount(0);
  await expectAccessible(page);
  await log.getByRole('link', { name: logId }).click();
  const fired = page.getByRole('region', { name: `Log ${logId}` });
  await fired.getByRole('link', { name: callId ?? '' }).click();
  await expect(log).toBeVisible();
});

test('moves no row under the pointer: new logs wait and are counted', async ({ page, lab }) => {
  const first = await lab.bill('B-8');
  await signIn(page, lab.engine);
  const firstRow = page.locator('tbody tr').first();
  await expect(firstRow).toContainText(first.slice(-12));
  await firstRow.hover();
  await lab.bill('B-9');
  await expect(page.getByRole('button', { name: '1 new log' })).toBeVisible();
  await expect(firstRow).toContainText(first.slice(-12));
  // The way to the button, as a hand takes it, does not make it go.
  const button = page.getByRole('button', { name: '1 new log' });
  const { x, y, width, height } = (await button.boundingBox()) ?? {
    x: 0,
    y: 0,
    width: 0,
    height: 0,
  };
  await page.mouse.move(x + width / 2, y + height / 2, { steps: 20 });
  await expect(button).toBeVisible();
  await button.click();
  await expect(page.locator('tbody tr')).toHaveCount(2);
  await expect(firstRow).not.toContainText(first.slice(-12));
});

test('keeps the open log where it is while logs arrive', async ({ page, lab }) => {
  const logId = await lab.bill('B-10');
  await signIn(page, lab.engine);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  const heading = page.getByRole('heading', { name: `Log ${logId}` });
  await expect(heading).toBeVisible();
  const before = await heading.boundingBox();
  await page.mouse.move(0, 0);
  await heading.focus();
  const second = await lab.bill('B-11');
  await expect(page.getByRole('row', { name: second.slice(-12) })).toBeVisible();
  expect(await heading.boundingBox()).toEqual(before);
});

test('marks what it shows as stale when the engine stops', async ({ page, lab }) => {
  const logId = await lab.bill('B-12');
  await signIn(page, lab.engine);
  const row = page.getByRole('row', { name: logId.slice(-12) });
  await expect(row).toBeVisible();
  await lab.engine.stop();
  await expect(page.getByText(/LabRelay does not answer; trying again/)).toBeVisible();
  await expect(page.getByText('Health: unknown')).toBeVisible();
  await expect(row).toBeVisible();
  await expectAccessible(page);
});

test('needs no key over the desktop’s bridge', async ({ page, lab }) => {
  const logId = await lab.bill('B-13');
  // What the preload script exposes, answered by the real engine.
  await page.exposeFunction('answerCall', async (name: 'searchLogs', input: object) => ({
    ok: true,
    output: await lab.engine.call(name, input),
  }));
  await page.addInitScript(() => {
    const subscribe = async () => ({ ok: true, output: null });
    Object.assign(window, { labrelay: { call: Reflect.get(window, 'answerCall'), subscribe } });
  });
  await page.goto(lab.engine.url);
  await expect(page.getByText('Health: ok')).toBeVisible();
  await expect(page.getByText('● Live')).toBeVisible();
  await expect(page.getByRole('row', { name: logId.slice(-12) })).toContainText('Success');
  await expect(page.getByRole('button', { name: 'Sign out' })).toHaveCount(0);
});
