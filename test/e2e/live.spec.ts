import type { Page } from '@playwright/test';
import type { LogSummaryDocument } from '../../src/shared/contract/log-document.ts';
import { expect, expectAccessible, signIn, test } from './fixtures.ts';

const BURST = 300;
const CALLERS = 8;
// Several hundred deliveries take their time where other tests run beside.
test.setTimeout(150_000);

/** Well before the page would ask by itself again. */
const SOON = { timeout: 5_000, intervals: [100] };

const ANSWERS = [
  { status: 200, body: '{"taken":true}' },
  { status: 400, body: '{"error":"no such test"}' },
  { status: 503, body: '{}' },
  { status: 202, body: '{}' },
];

const STATUSES: Record<LogSummaryDocument['status'], string> = {
  PENDING: '○ Pending',
  QUEUED: '◷ Queued',
  SUCCESS: '✓ Success',
  FAIL: '✕ Failed',
  SUPPRESSED: '⊘ Suppressed',
};

const RETRIES: Record<LogSummaryDocument['retry_state'], string> = {
  NONE: '',
  SCHEDULED: ' ↻ Retry: scheduled',
  RUNNING: ' ↻ Retry: running',
  EXHAUSTED: ' ↻ Retry: given up',
  CANCELLED: ' ↻ Retry: cancelled',
  HELD: ' ↻ Retry: held',
};

type Lab = Parameters<Parameters<typeof test>[2]>[0]['lab'];

/** Several hundred deliveries, as fast as a lab may send them, with a partner that has its moods. */
async function burst(lab: Lab, prefix: string): Promise<string[]> {
  let next = 0;
  const made: string[] = [];
  const caller = async () => {
    while (next < BURST) {
      const number = next++;
      lab.partner.answer = ANSWERS[number % ANSWERS.length] ?? lab.partner.answer;
      made.push(await lab.bill(`${prefix}-${number}`));
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return made;
}

/** Until nothing is under way: what is left waits for its time. */
async function quiet(lab: Lab): Promise<void> {
  const since = Date.now();
  const busy = async () => {
    const { tasks_by_state: tasks, figures_at } = await lab.engine.call('getHealth', {});
    // Figures are shown for a while once they are counted: older ones may be of before the burst.
    if (figures_at === null || Date.parse(figures_at) < since) return ['not counted yet'];
    return Object.keys(tasks).filter((state) => state !== 'SCHEDULED');
  };
  await expect.poll(busy, { timeout: 30_000 }).toEqual([]);
}

/** What each row of the list tells, by log_id. */
async function shown(page: Page): Promise<Record<string, string>> {
  const rows = await page.locator('tbody tr').evaluateAll((all) =>
    all.map((row) => {
      const cells = [...row.querySelectorAll('td')].map((cell) => cell.innerText.trim());
      const id = row.querySelector<HTMLElement>('[data-log-id]')?.dataset['logId'] ?? '';
      // Times are told in the page's own words.
      const [status = ''] = (cells[2] ?? '').split(', ');
      return [id, [status, cells[6], cells[7]].join(' | ')];
    }),
  );
  return Object.fromEntries(rows) as Record<string, string>;
}

/** What they ought to tell, as the store has it. */
function told(log: LogSummaryDocument): string {
  const code = String(log.response_status_code ?? log.error_kind ?? '–');
  return [STATUSES[log.status] + RETRIES[log.retry_state], code, 'Outcome reported'].join(' | ');
}

test('at the end of a burst every row that is shown is as the store has it', async ({
  page,
  lab,
}) => {
  await signIn(page, lab.engine);
  const opened = await lab.bill('opened');
  await page.getByRole('link', { name: `Open log ${opened}` }).click();
  await expect(page.getByText('● Live')).toBeVisible();
  await page.mouse.move(0, 0);
  await burst(lab, 'burst');
  await quiet(lab);
  await expect(async () => {
    const { items } = await lab.engine.call('searchLogs', { direction: 'OUTBOUND' });
    expect(await shown(page)).toEqual(
      Object.fromEntries(items.map((log) => [log.log_id, told(log)])),
    );
  }).toPass(SOON);
  await expectAccessible(page);
});

test('rows that are held under the pointer are as the store has them too', async ({
  page,
  lab,
}) => {
  await signIn(page, lab.engine);
  // Not where the button to sign in was: the first row may come to lie there, and would be held.
  await page.mouse.move(0, 0);
  lab.partner.answer = { status: 400, body: '{}' };
  const held = [await lab.bill('held-1'), await lab.bill('held-2')];
  await expect(page.locator('tbody tr')).toHaveCount(2);
  await page.locator('tbody tr').first().hover();
  // By the end of it they are far from the newest.
  await burst(lab, 'burst');
  await quiet(lab);
  lab.partner.answer = { status: 200, body: '{}' };
  for (const logId of held) {
    await lab.engine.call('retryIntegration', { log_id: logId, reason: 'they have mended it' });
  }
  await expect(async () => {
    const { items } = await lab.engine.call('getLogs', { log_ids: held });
    expect(items.map(({ status }) => status)).toEqual(['SUCCESS', 'SUCCESS']);
    expect(await shown(page)).toEqual(
      Object.fromEntries(items.map((log) => [log.log_id, told(log)])),
    );
  }).toPass(SOON);
});

test('the open log follows what becomes of it', async ({ page, lab }) => {
  lab.partner.answer = { status: 400, body: '{}' };
  const logId = await lab.bill('open-1');
  await signIn(page, lab.engine);
  await page.getByRole('link', { name: `Open log ${logId}` }).click();
  const log = page.getByRole('region', { name: `Log ${logId}` });
  await expect(log.getByText('Failed')).toBeVisible();
  await expect(page.getByText('● Live')).toBeVisible();
  lab.partner.answer = { status: 200, body: '{}' };
  await lab.engine.call('retryIntegration', { log_id: logId, reason: 'they have mended it' });
  await expect(log.getByText(/Attempt 2 ended: 200/)).toBeVisible({ timeout: 4_000 });
  await expect(log.getByText('Success')).toBeVisible();
});

test('says when it is not live, and reads everything once it is again', async ({ page, lab }) => {
  await signIn(page, lab.engine);
  await expect(page.getByText('● Live')).toBeVisible();
  // The way to the stream alone is cut.
  await page.route('**/api/v1/stream*', (route) => route.abort());
  const { items } = await lab.engine.call('listSessions', {});
  expect(items).toHaveLength(1);
  await page.reload();
  await expect(page.getByText('Reconnecting …')).toBeVisible();
  await expect(page.getByText('Offline')).toBeVisible({ timeout: 15_000 });
  await expectAccessible(page);
  const logId = await lab.bill('meanwhile');
  await expect(page.getByRole('row', { name: logId.slice(-12) })).toBeVisible();
  await page.unroute('**/api/v1/stream*');
  await expect(page.getByText('● Live')).toBeVisible({ timeout: 15_000 });
});
