import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lab, openLab, PATIENCE } from './a-lab.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
afterAll(() => lab.close());

/** A bill that the partner has refused for good. */
async function refusedBill(billId: string): Promise<string> {
  lab.partner.answers(422);
  const logId = await lab.sendBill(billId, -350);
  await lab.until(logId, 'FAIL');
  return logId;
}

/** One of which nobody knows whether the partner has it. */
async function doubtedBill(billId: string): Promise<string> {
  lab.partner.answers((response) => response.destroy());
  const logId = await lab.sendBill(billId);
  await lab.until(logId, 'FAIL');
  return logId;
}

describe('labrelay retry LOG_ID', () => {
  test('a corrected bill goes out as another revision with its own key, and is waited for', async () => {
    const logId = await refusedBill('B-corrected');
    await lab.sendBill('B-corrected', 350);
    const plan = await lab.labrelay(['retry', logId, '--plan']);
    expect(plan).toMatchObject({ code: 0, stderr: '' });
    expect(plan.stdout).toMatch(/terms +FREE/);
    expect(plan.stdout).toMatch(/\/total_amount +CHANGED/);
    expect(plan.stdout).not.toContain('350');
    const clear = ['retry', logId, '--plan', '--reveal', '--reason', 'the auditor asks'];
    const revealed = (await lab.labrelay(clear)).stdout;
    expect(revealed).toMatch(/\/total_amount +CHANGED +-350 +350\n/);
    expect(revealed).not.toContain('masked');

    const stored = await lab.labrelay(['retry', logId, '--plan', '--stored']);
    expect(stored.stdout).toMatch(/terms +REASON/);
    expect(stored.stdout).toMatch(/would send +the same bytes, revision 1 /);
    const edit = join(lab.folders.make(), 'corrected.json');
    writeFileSync(edit, '{"bill_id":"B-corrected"}');
    const edited = await lab.labrelay(['retry', logId, '--plan', '--edit', edit]);
    expect(edited.stdout).toMatch(/would send +revision 2 .*, as you have edited it\n/);
    expect(edited.stdout).toMatch(/REMOVED/);

    lab.partner.answers(200);
    const retried = await lab.labrelay(['retry', logId.slice(-8)]);
    expect(retried).toMatchObject({ code: 0, stderr: '' });
    expect(retried.stdout).toContain('Revision 2');
    expect(retried.stdout).toContain('built anew, and changed');
    expect(retried.stdout).toContain('It ended SUCCESS ACCEPTED 200');
    const sent = lab.partner.received.filter(({ key }) => key.startsWith(logId));
    expect(sent.map(({ key }) => key)).toEqual([logId, `${logId}_r2`]);
    expect(sent[1]?.body).toContain('350');
    expect(sent[1]?.body).not.toContain('-350');
  });

  test('with --json it is one document, and one that fails again ends with 1', async () => {
    const logId = await refusedBill('B-again');
    const retried = await lab.labrelay(['retry', logId, '--reason', 'try it once more', '--json']);
    expect([retried.code, retried.stderr]).toEqual([1, '']);
    expect(JSON.parse(retried.stdout)).toMatchObject({
      log_id: logId,
      attempt_id: `${logId}_a2`,
      body: 'SAME',
      ended: { kind: 'MANUAL', status: 'FAIL', certainty: 'REFUSED', response_status_code: 422 },
      status: 'FAIL',
    });
  });

  test('what the partner may have is not sent again without a reason; with one under its old key', async () => {
    const logId = await doubtedBill('B-doubt');
    const refused = await lab.labrelay(['retry', logId]);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toContain('may already hold');
    expect(refused.stderr).toContain('reason');
    expect(lab.partner.timesSent(logId)).toBe(1);
    const plan = await lab.labrelay(['retry', logId, '--plan']);
    expect(plan.stdout).toMatch(/terms +REASON: it takes a --reason/);

    lab.partner.answers(200);
    const retried = await lab.labrelay(['retry', logId, '--reason', 'they say it never came']);
    expect(retried).toMatchObject({ code: 0, stderr: '' });
    const keys = lab.partner.received.map(({ key }) => key).filter((key) => key.startsWith(logId));
    expect(keys).toEqual([logId, logId]);
  });

  test('an edited payload goes out as it stands in the file', async () => {
    const logId = await refusedBill('B-edited');
    const file = join(lab.folders.make(), 'bill.json');
    writeFileSync(file, '{ "amount": 1.10 }');
    lab.partner.answers(200);
    const retried = await lab.labrelay(['retry', logId, '--edit', file]);
    expect(retried).toMatchObject({ code: 0, stderr: '' });
    expect(retried.stdout).toContain('edited by hand');
    expect(lab.partner.received.at(-1)).toEqual({ key: `${logId}_r2`, body: '{ "amount": 1.10 }' });

    const first = await lab.labrelay([
      'retry',
      logId,
      '--revision',
      '1',
      '--reason',
      'it was right',
    ]);
    expect(first.code).toBe(0);
    expect(lab.partner.received.at(-1)?.key).toBe(logId);
  });

  test('one that is refused in silence has not succeeded, though no failure is reported', async () => {
    const logId = await refusedBill('B-silent');
    lab.partner.answers((response) =>
      response.writeHead(422).end('{"message":"#NOTFORDASHBOARD"}'),
    );
    const retried = await lab.labrelay(['retry', logId, '--reason', 'again please']);
    expect(retried.stdout).toContain('It ended SUPPRESSED REFUSED 422');
    expect(retried.code).toBe(1);
  });

  test('with --no-wait it only queues', async () => {
    const logId = await refusedBill('B-unwaited');
    const retried = await lab.labrelay(['retry', logId, '--reason', 'again please', '--no-wait']);
    expect(retried.code).toBe(0);
    expect(retried.stdout).toContain('is queued again as attempt');
    expect(retried.stdout).not.toContain('It ended');
    await expect.poll(() => lab.partner.timesSent(logId), PATIENCE).toBe(2);
  });

  test('while its breaker is open by hand it says why it is not sent, and ends with 1', async () => {
    const logId = await refusedBill('B-stopped');
    const rule = String(lab.ruleId);
    await lab.labrelay(['breaker', 'open', rule, '--reason', 'they move house']);
    lab.partner.answers(200);
    const retried = await lab.labrelay(['retry', logId, '--reason', 'again please']);
    expect(retried.code).toBe(1);
    expect(retried.stdout).toMatch(
      /It is not sent yet\. The circuit breaker was .*they move house/,
    );
    const cancelled = await lab.labrelay(['cancel-retry', logId, '--reason', 'not needed']);
    expect(cancelled).toMatchObject({ code: 0, stderr: '' });
    expect(cancelled.stdout).toMatch(/CANCELLED +taken out of the queue/);
    await lab.labrelay(['breaker', 'close', rule, '--reason', 'they are back']);
    const again = await lab.labrelay(['cancel-retry', logId, '--reason', 'not needed', '--json']);
    expect(JSON.parse(again.stdout)).toEqual({ results: [{ log_id: logId, outcome: 'NOTHING' }] });
    expect(lab.partner.timesSent(logId)).toBe(1);
  });

  test.each([
    [['retry']],
    [['retry', 'xyz!']],
    [['retry', 'abcdef', '--status', 'FAIL']],
    [['retry', 'abcdef', '--revision', 'two']],
    [['retry', 'abcdef', '--no-wait', '--plan']],
    [['retry', 'abcdef', '--limit', '3']],
    [['cancel-retry', '--reason', 'no id']],
    [['cancel-retry', 'abcdef']],
  ])('%j is unusable', async (argv) => {
    expect(await lab.labrelay(argv)).toMatchObject({ code: 2, stdout: '' });
  });

  test('an id that fits none ends with 1', async () => {
    const { code, stderr } = await lab.labrelay(['retry', 'ffffff00ff']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('No log has an id')]);
  });
});

describe('labrelay cancel-retry', () => {
  test('of several, one that is unknown keeps the others from nothing', async () => {
    const logId = await refusedBill('B-one-of-two');
    const unknown = '00000000-0000-7000-8000-000000000000';
    const { code, stdout } = await lab.labrelay([
      'cancel-retry',
      unknown,
      logId,
      '--reason',
      'stop',
    ]);
    expect(code).toBe(1);
    expect(stdout).toMatch(new RegExp(`${unknown} +REFUSED`));
    expect(stdout).toMatch(new RegExp(`${logId} +NOTHING`));
  });
});

describe('labrelay breaker', () => {
  test('opens and closes by hand; repeats change nothing; the list tells who and why', async () => {
    const rule = String(lab.ruleId);
    const opened = await lab.labrelay(['breaker', 'open', rule, '--reason', 'they move house']);
    expect(opened).toMatchObject({ code: 0, stderr: '' });
    expect(opened.stdout).toMatch(
      /^The breaker of \d+ \(Ledger\) is open now; deliveries that wait: 0\.\n$/,
    );
    const again = await lab.labrelay(['breaker', 'open', rule, '--reason', 'once more']);
    expect(again.stdout).toContain('was open already');
    const list = await lab.labrelay(['breaker']);
    expect(list.stdout).toMatch(/Ledger +open +BY_HAND .*: they move house\n/);
    const { items } = JSON.parse((await lab.labrelay(['breaker', 'list', '--json'])).stdout);
    expect(items).toMatchObject([{ lab_integration_id: lab.ruleId, note: 'they move house' }]);
    const closed = await lab.labrelay(['breaker', 'close', rule, '--reason', 'back', '--json']);
    expect(JSON.parse(closed.stdout)).toMatchObject({ state: 'closed', changed: true });
    expect((await lab.labrelay(['breaker'])).stdout).toContain('Every breaker is closed');
  });

  test.each([
    [['breaker', 'shut', '1']],
    [['breaker', 'open']],
    [['breaker', 'open', 'seven', '--reason', 'why']],
    [['breaker', 'open', '7']],
    [['breaker', 'list', '7']],
    [['breaker', '--reason', 'why']],
  ])('%j is unusable', async (argv) => {
    expect(await lab.labrelay(argv)).toMatchObject({ code: 2, stdout: '' });
  });

  test('of an integration that is not there ends with 1', async () => {
    const { code, stderr } = await lab.labrelay(['breaker', 'open', '9999', '--reason', 'why not']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('9999')]);
  });
});
