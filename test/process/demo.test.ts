import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BATCH_CALLS } from '../../src/main/cli/demo/batch.ts';
import type { DemoDocument } from '../../src/main/cli/demo/report.ts';
import { DEMO_RULES } from '../../src/main/cli/demo/rules.ts';

const CLI = fileURLToPath(new URL('../../out/main/cli.js', import.meta.url));

/** Marks every process of a demo, since children inherit the environment. */
const MARK = 'LABRELAY_DEMO_TEST';

let mark: string;
let temporary: string;
let demo: ChildProcess;

beforeEach(() => {
  mark = randomUUID();
  temporary = mkdtempSync(join(tmpdir(), 'labrelay-demo-test-'));
});

afterEach(() => {
  for (const pid of markedProcesses()) process.kill(pid, 'SIGKILL');
  rmSync(temporary, { recursive: true, force: true });
});

/** Starts the built demo with a temporary folder of its own. */
function startDemo(...args: string[]) {
  const child = spawn(process.execPath, [CLI, 'demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [MARK]: mark, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
  });
  demo = child;
  return child;
}

/** Living processes that were started, directly or not, by this test's demo (Linux: others have no /proc). */
function markedProcesses(): number[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const isZombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
        return !isZombie && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
      } catch {
        // Gone this moment, or another user's.
        return false;
      }
    });
}

const demoFolders = () =>
  readdirSync(temporary).filter((name) => name.startsWith('labrelay-demo-'));

/** A lasting demo, once it has told where its console is. */
async function lastingDemo(): Promise<string> {
  const child = startDemo('--events', '20', '--port', '0');
  for await (const line of createInterface({ input: child.stdout })) {
    const found = /console +(http:\S+)\//.exec(line);
    if (found?.[1]) return found[1];
  }
  throw new Error(`the demo ended: ${await text(child.stderr)}`);
}

describe('labrelay demo', () => {
  test('--once --json --events 200 loses nothing, finishes everything, and leaves nothing behind', async () => {
    const started = performance.now();
    const child = startDemo('--once', '--json', '--events', '200');
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(performance.now() - started).toBeLessThan(40_000);

    const document = JSON.parse(stdout) as DemoDocument;
    expect(document).toMatchObject({
      ok: true,
      events: 200,
      lost: 0,
      unfinished: 0,
      queued: 0,
      logs: { PENDING: 0, QUEUED: 0 },
      faults: [],
    });
    const { logs, receiver, by_scenario } = document;
    expect(logs.SUCCESS).toBeGreaterThan(0);
    expect(receiver.unique_log_ids).toBeGreaterThanOrEqual(logs.SUCCESS + logs.SUPPRESSED);
    expect(receiver.requests).toBeGreaterThanOrEqual(receiver.unique_log_ids);
    expect(receiver.signatures_verified).toBeGreaterThan(0);
    expect(document.repeats).toBeGreaterThan(0);

    expect(by_scenario.map(({ scenario }) => scenario)).toEqual(
      DEMO_RULES.map(({ scenario }) => scenario),
    );
    for (const result of by_scenario) {
      expect(result, result.scenario).toMatchObject({ as_expected: true, unexpected: [] });
    }
    const outcomes = new Set(by_scenario.flatMap((result) => Object.keys(result.outcomes)));
    // Succeeded, refused by 4xx and 5xx, broken, timed out, never sent, unmappable, suppressed both ways.
    expect([...outcomes]).toEqual(
      expect.arrayContaining([
        'SUCCESS ACCEPTED 200',
        'FAIL REFUSED 422',
        'FAIL REFUSED 401',
        'FAIL REFUSED_RETRYABLE 503',
        'FAIL UNKNOWN 500',
        'FAIL UNKNOWN TIMEOUT',
        'FAIL NOT_SENT CONNECT',
        'FAIL NOT_SENT PAYLOAD',
        'SUPPRESSED ACCEPTED 209',
        'SUPPRESSED ACCEPTED 200',
      ]),
    );
    const { appointments, inbound } = document;
    const confirmations = Object.values(appointments.calls).reduce((sum, count) => sum + count, 0);
    expect(inbound).toEqual({
      captured:
        document.events + document.repeats + confirmations + BATCH_CALLS + document.retries.calls,
      failed: appointments.cancelled + 1,
      linked: Object.values(logs).reduce((sum, count) => sum + count, 0),
    });
    expect(appointments).toMatchObject({
      confirmed: appointments.calls.BOOKED,
      changed_nothing: appointments.calls.AGAIN,
      refused: { UNKNOWN_APPOINTMENT: 1, APPOINTMENT_CANCELLED: appointments.cancelled },
    });
    for (const count of Object.values(appointments.calls)) expect(count).toBeGreaterThan(0);
    expect(document.batch).toMatchObject({
      records: 120,
      accepted: 119,
      rejected: [{ index: 57, field: 'integration_callback_url' }],
      progress: { sent: 119, suppressed: 119, failed: 0, done: true },
    });
    const { outside_worker } = document;
    expect(outside_worker.suppressed).toBeGreaterThan(0);
    expect(outside_worker.leased).toBeGreaterThan(outside_worker.suppressed);
    expect(document.legacy_notes).toBe(1);
    const { retries } = document;
    expect(retries).toMatchObject({
      corrected: {
        refused: 'FAIL REFUSED 422',
        changed: ['/data/bill/total_amount'],
        revision: 2,
        key: `${retries.corrected.log_id}_r2`,
        ended: 'SUCCESS ACCEPTED 200',
      },
      recovered: { deliveries: 3, succeeded: 3, retries: 6 },
      doubted: { revision: 1, ended: 'SUCCESS ACCEPTED 200' },
      bulk: {
        logs: 300,
        stopped: { state: 'STOPPED', why: 'CANARY_FAILED', sent: 1, not_sent: 299 },
        completed: { state: 'DONE', succeeded: 300, failed: 0 },
      },
    });
    expect(retries.doubted.refusal).toContain('The receiver may already hold revision 1');
    // The partner asked to be left alone for an hour; nothing else waits for its time.
    const maintenance = by_scenario.find(({ scenario }) => scenario === 'refused_503');
    expect(document.scheduled).toBe(maintenance?.logs);
    // Requests that are no first ones are retries: none was doubled in silence.
    expect(receiver.requests - receiver.unique_log_ids).toBe(retries.repeated_requests);
    expect(document.not_shown).toContain('HL7 and Mirth');

    expect(markedProcesses()).toEqual([]);
    expect(demoFolders()).toEqual([]);
  });

  test('lasting, it keeps the console open until Ctrl-C, then leaves nothing behind', async () => {
    const url = await lastingDemo();
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const ended = once(demo, 'exit');
    demo.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(markedProcesses()).toEqual([]);
    expect(demoFolders()).toEqual([]);
  });

  test.runIf(process.platform === 'linux')(
    'killed outright, its engine, its partner and its worker stop by themselves',
    async () => {
      await lastingDemo();
      const companions = markedProcesses().filter((pid) => pid !== demo.pid);
      expect(companions.length).toBeGreaterThanOrEqual(3);
      demo.kill('SIGKILL');
      await vi.waitFor(() => expect(markedProcesses()).toEqual([]), {
        timeout: 20_000,
        interval: 100,
      });
    },
  );

  test('interrupted before its end, --once fails and leaves nothing behind', async () => {
    const child = startDemo('--once', '--json', '--events', '10000');
    // Its data folder is there, so it is under way.
    await vi.waitFor(() => expect(demoFolders()).toHaveLength(1), {
      timeout: 20_000,
      interval: 50,
    });
    const output = text(child.stdout);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
    expect(JSON.parse(await output)).toMatchObject({
      error: { detail: 'The demo was interrupted.' },
    });
    expect(markedProcesses()).toEqual([]);
    expect(demoFolders()).toEqual([]);
  });

  test('where the engine cannot start, it says why', async () => {
    const child = startDemo('--once', '--data', '/dev/null/folder');
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(code).toBe(1);
    expect(stderr).toContain('The data folder /dev/null/folder cannot be made');
    expect(markedProcesses()).toEqual([]);
  });
});
