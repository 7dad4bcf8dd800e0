import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Output } from '../../src/shared/contract/index.ts';
import { type Lab, openLab, PATIENCE } from './a-lab.ts';

type Bulk = Output<'getBulkRetry'>;

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
afterAll(() => lab.close());

/** Logs of the test at hand, so that those of others are none of its own. */
let logIds: string[];
let bills = 0;

async function refusedBills(count: number): Promise<string[]> {
  lab.partner.answers(422);
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(await lab.sendBill(`B-${(bills += 1)}`));
  for (const id of ids) await lab.until(id, 'FAIL');
  return ids;
}

beforeEach(async () => {
  logIds = await refusedBills(3);
});

const REASON = ['--reason', 'the partner was mended'];
const timesSent = () => logIds.map((id) => lab.partner.timesSent(id));
const bulkIn = (stdout: string): Bulk => JSON.parse(stdout) as Bulk;
const newest = async () => (await lab.client.call('listBulkRetries', {})).items[0];

describe('labrelay retry of several', () => {
  test('by ids: plans, sends and tells what became of them', async () => {
    lab.partner.answers(200);
    const { code, stdout, stderr } = await lab.labrelay(['retry', ...logIds, ...REASON, '--yes']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('3 logs, 3 of them can be sent');
    expect(stdout).toMatch(/state +DONE/);
    expect(stdout).toMatch(/became +3 succeeded\n/);
    expect(timesSent()).toEqual([2, 2, 2]);
  });

  test('by filters: everything that matches is meant', async () => {
    lab.partner.answers(200);
    const filters = ['--status', 'fail', '--integration', String(lab.ruleId)];
    const { code, stdout } = await lab.labrelay(['retry', ...filters, ...REASON, '-y', '--json']);
    const bulk = bulkIn(stdout);
    expect(code).toBe(0);
    expect(bulk).toMatchObject({ state: 'DONE', total: 3, progress: { succeeded: 3, failed: 0 } });
    expect(bulk.items.map(({ log_id }) => log_id)).toEqual(logIds);
    expect(timesSent()).toEqual([2, 2, 2]);
  });

  test('what nothing matches ends with 0', async () => {
    const { code, stdout } = await lab.labrelay(['retry', '--category', 'NO_SUCH', '--yes']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('No log matches.')]);
  });

  test('those that the partner may have are refused without a reason; the plan says how many and why', async () => {
    lab.partner.answers((response) => response.destroy());
    const doubted = await lab.sendBill(`B-${(bills += 1)}`);
    await lab.until(doubted, 'FAIL');
    const alone = await lab.labrelay(['retry', doubted, doubted, '--yes']);
    expect(alone.code).toBe(1);
    expect(alone.stdout).toContain('1 log, 0 of them can be sent');
    expect(alone.stdout).toMatch(/UNKNOWN +1 +1\n/);
    expect(alone.stdout).toContain('1 × MAY_HOLD: ');
    expect(alone.stdout).toContain('--reason has them sent too');
    expect(alone.stdout).toContain('None of them can be sent.');
    expect(await newest()).toMatchObject({ state: 'CANCELLED' });
    expect(lab.partner.timesSent(doubted)).toBe(1);
    lab.partner.answers(200);
    expect((await lab.labrelay(['retry', doubted, doubted, '-y', ...REASON])).code).toBe(0);
  });

  test('those that it refused are not sent again as they are without a reason', async () => {
    const { code, stdout } = await lab.labrelay(['retry', ...logIds, '--yes']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/became +0 succeeded, 3 refused\n/);
    expect(stdout).toMatch(/REFUSED +REFUSED_UNCHANGED +The receiver refused this message/);
    expect(timesSent()).toEqual([1, 1, 1]);
  });

  test('--plan sends nothing and leaves a plan that can be started', async () => {
    const plan = await lab.labrelay(['retry', ...logIds, ...REASON, '--plan']);
    expect(plan.code).toBe(0);
    expect(plan.stdout).toContain('Nothing is sent yet.');
    const id = /bulk-retry (\S+) --start/.exec(plan.stdout)?.[1] ?? '';
    expect(timesSent()).toEqual([1, 1, 1]);
    expect((await lab.labrelay(['bulk-retry', id])).stdout).toMatch(
      /state +PLANNED: waits for a yes/,
    );

    lab.partner.answers(200);
    const started = await lab.labrelay(['bulk-retry', id, '--start', '--follow', '--json']);
    expect([started.code, started.stderr]).toEqual([0, '']);
    expect(bulkIn(started.stdout)).toMatchObject({ state: 'DONE', progress: { succeeded: 3 } });
    expect(timesSent()).toEqual([2, 2, 2]);
  });

  test('a canary that fails stops the rest; once the partner is mended it goes on', async () => {
    const stopped = await lab.labrelay(['retry', ...logIds, ...REASON, '--yes']);
    expect(stopped.code).toBe(1);
    expect(stopped.stdout).toMatch(/state +STOPPED/);
    expect(stopped.stdout).toMatch(/stood still +CANARY_FAILED: /);
    expect(stopped.stdout).toMatch(/DONE +HTTP_STATUS 422/);
    expect(timesSent().reduce((sum, count) => sum + count)).toBe(4);

    const id = /bulk-retry (\S+) --resume/.exec(stopped.stdout)?.[1] ?? '';
    lab.partner.answers(200);
    const resumed = await lab.labrelay(['bulk-retry', id, '--resume', '--follow']);
    // The canary goes again as well.
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toMatch(/became +3 succeeded\n/);
    expect(timesSent().reduce((sum, count) => sum + count)).toBe(7);
  });

  test('where nobody can be asked it takes --yes or --plan, and plans nothing', async () => {
    const before = await newest();
    const { code, stdout, stderr } = await lab.labrelay(['retry', ...logIds, ...REASON]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('give --plan to see what would be sent, or --yes');
    expect(await newest()).toEqual(before);
  });

  test('at a terminal it asks; no is no, and leaves no plan behind', async () => {
    const questions: string[] = [];
    const answer = (text: string) => ({
      ask: async (question: string) => {
        questions.push(question);
        return text;
      },
    });
    const refused = await lab.labrelay(['retry', ...logIds, ...REASON], answer(''));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Nothing was sent.');
    expect(await newest()).toMatchObject({ state: 'CANCELLED' });
    expect(timesSent()).toEqual([1, 1, 1]);

    lab.partner.answers(200);
    expect((await lab.labrelay(['retry', ...logIds, ...REASON], answer('y'))).code).toBe(0);
    expect(questions).toEqual(['Send 3 of 3 again? y/N ', 'Send 3 of 3 again? y/N ']);
  });

  test('on a terminal a bar moves, and is gone when it ends; --json has none', async () => {
    lab.partner.answers((response) => setTimeout(() => response.writeHead(200).end(), 150));
    const columns = () => 60;
    const argv = ['retry', ...logIds, ...REASON, '--yes', '--no-canary', '--rate', '600'];
    const { stdout } = await lab.labrelay(argv, { columns });
    expect(stdout).toMatch(/░ {2}\d\/3 {2}\d+ %/);
    expect(stdout.split('\r\u001b[2K').at(-1)).toMatch(/^Bulk retry /);

    logIds = await refusedBills(2);
    lab.partner.answers(200);
    const json = await lab.labrelay(['retry', ...logIds, ...REASON, '-y', '--json'], { columns });
    expect(bulkIn(json.stdout).progress.succeeded).toBe(2);
  });

  test('Ctrl-C leaves it going on, and says how to follow and cancel it', async () => {
    const waiting: (() => void)[] = [];
    lab.partner.answers((response) => waiting.push(() => response.writeHead(200).end()));
    const running = lab.labrelay(['retry', ...logIds, ...REASON, '--yes', '--no-canary']);
    await expect.poll(() => waiting.length, PATIENCE).toBe(3);
    process.emit('SIGINT');
    const { code, stdout, stderr } = await running;
    expect(code).toBe(1);
    expect(stdout).toMatch(/state +RUNNING/);
    const id = /bulk-retry (\S+) --follow/.exec(stderr)?.[1] ?? '';
    expect(stderr).toContain(`labrelay bulk-retry ${id} --cancel`);
    for (const answer of waiting) answer();
    expect((await lab.labrelay(['bulk-retry', id, '--follow'])).code).toBe(0);
  });

  test('with --no-wait it is started and left', async () => {
    lab.partner.answers(200);
    const left = await lab.labrelay(['retry', ...logIds, ...REASON, '--yes', '--no-wait']);
    expect(left.code).toBe(0);
    const id = /bulk-retry (\S+) --follow/.exec(left.stderr)?.[1] ?? '';
    expect((await lab.labrelay(['bulk-retry', id, '--follow'])).code).toBe(0);
    expect(timesSent()).toEqual([2, 2, 2]);
  });
});

describe('labrelay bulk-retry', () => {
  test('pauses, resumes and cancels with a reason, and lists them', async () => {
    const plan = await lab.labrelay([
      'retry',
      ...logIds,
      ...REASON,
      '--plan',
      '--rate',
      '1',
      '--json',
    ]);
    const { bulk_retry_id: id } = bulkIn(plan.stdout);
    lab.partner.answers(200);
    expect((await lab.labrelay(['bulk-retry', id, '--start'])).code).toBe(0);
    await expect.poll(() => lab.partner.received.length, PATIENCE).toBeGreaterThan(0);
    const paused = await lab.labrelay(['bulk-retry', id, '--pause', '--reason', 'at lunch']);
    expect(paused.stdout).toMatch(/state +PAUSED/);
    expect(paused.stdout).toMatch(/stood still +BY_HAND: .*at lunch/);
    expect((await lab.labrelay(['bulk-retry', id, '--resume'])).code).toBe(0);
    const cancelled = await lab.labrelay(['bulk-retry', id, '--cancel', '--reason', 'not today']);
    expect(cancelled.code).toBe(0);
    expect(cancelled.stdout).toMatch(/state +CANCELLED/);
    const list = await lab.labrelay(['bulk-retry']);
    expect(list.stdout).toMatch(new RegExp(`${id} +CANCELLED +3 `));
    const { items } = JSON.parse((await lab.labrelay(['bulk-retry', '--json'])).stdout);
    expect(items[0]).toMatchObject({ bulk_retry_id: id, state: 'CANCELLED' });
  });

  test.each([
    [['bulk-retry', '--start']],
    [['bulk-retry', '--follow']],
    [['bulk-retry', 'an-id', '--pause', '--cancel']],
    [['bulk-retry', 'an-id', '--reason', 'why']],
    [['bulk-retry', 'an-id', '--cursor', 'c']],
    [['bulk-retry', 'an-id', 'another']],
  ])('%j is unusable', async (argv) => {
    expect(await lab.labrelay(argv)).toMatchObject({ code: 2, stdout: '' });
  });

  test('an id that is not there ends with 1', async () => {
    expect(await lab.labrelay(['bulk-retry', 'nothing'])).toMatchObject({ code: 1, stdout: '' });
  });
});
