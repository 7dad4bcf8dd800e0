import { describe, expect, test } from 'vitest';
import { type DemoEvent, MOMBASA } from '../../../src/main/cli/demo/events.ts';
import { type Findings, report } from '../../../src/main/cli/demo/report.ts';
import { renderReport } from '../../../src/main/cli/demo/report-text.ts';
import { aLog } from '../a-log.ts';
import { GOOD_ANSWERS, goodScenes } from './told-scenes.ts';

const PAYMENTS = 6;

/** A batch that went as it must, and whose records no rule wanted. */
const GOOD_BATCH = {
  batch_id: 'b',
  accepted: 119,
  log_ids: [],
  rejected: [{ index: 57, field: 'integration_callback_url', reason: 'is refused' }],
  isSameAgain: true,
};
const PROGRESS = { queued: 0, sent: 0, failed: 0, suppressed: 0, cancelled: 0, done: true };

const event: DemoEvent = {
  route: '/billing/',
  labId: 4101,
  category: 'PAYMENT_RECEIVED',
  body: {},
  idempotencyKey: null,
  withoutBirthDate: false,
};

const delivered = (log_id: string) =>
  aLog({
    log_id,
    lab_integration_id: PAYMENTS,
    action_category: 'PAYMENT_RECEIVED',
    triggered_by: `call-${log_id}`,
  });

const call = (id: string) =>
  aLog({ log_id: `call-${id}`, direction: 'INBOUND', event_id: `e-${id}` });

/** Two payments that went as they must. */
function goodFindings(): Findings {
  return {
    traffic: {
      acknowledged: ['a', 'b'].map((id) => ({ event, eventId: `e-${id}`, logIds: [id] })),
      repeats: 0,
      faults: [],
    },
    logs: [delivered('a'), delivered('b')],
    calls: [...['a', 'b'].map(call), call('batch'), call('batch again')],
    fired: new Map(),
    batch: {
      told: GOOD_BATCH,
      kept: { progress: PROGRESS },
    },
    retries: goodScenes(),
    workers: new Map(),
    notes: [],
    health: { tasks_by_state: {} },
    appointments: { BOOKED: 0, CONFIRMED: 0, CANCELLED: 0 },
    seen: {
      requests: 2,
      log_ids: ['a', 'b'],
      turned_away: 0,
      signatures_verified: 2,
      by_path: {},
      repeats: {},
      answers: { ...GOOD_ANSWERS },
      confirmations: [],
      notes: [],
      calls_under_way: 0,
    },
    scenarios: new Map([[PAYMENTS, 'accepted_signed']]),
    seconds: 1.2345,
  };
}

const scenarioOf = (findings: Findings) =>
  report(findings).by_scenario.find(({ scenario }) => scenario === 'accepted_signed');

describe('what the demo concludes', () => {
  test('all is well: counted by status and scenario, from all three sides', () => {
    expect(report(goodFindings())).toMatchObject({
      ok: true,
      events: 2,
      logs: { PENDING: 0, QUEUED: 0, SUCCESS: 2, FAIL: 0, SUPPRESSED: 0 },
      receiver: { requests: 2, unique_log_ids: 2 },
      lost: 0,
      unfinished: 0,
      scheduled: 0,
      queued: 0,
      seconds: 1.23,
    });
    expect(scenarioOf(goodFindings())).toMatchObject({
      expected_logs: 2,
      logs: 2,
      outcomes: { 'SUCCESS ACCEPTED 200': 2 },
      unexpected: [],
      as_expected: true,
    });
  });

  test('a SUCCESS that the partner never saw is lost', () => {
    const findings = goodFindings();
    findings.seen.log_ids = ['a'];
    expect(report(findings)).toMatchObject({ ok: false, lost: 1, lost_log_ids: ['b'] });
  });

  test('an acknowledged delivery without a log is lost', () => {
    const findings = { ...goodFindings(), logs: [delivered('a')] };
    expect(report(findings)).toMatchObject({ ok: false, lost: 1, lost_log_ids: ['b'] });
    expect(scenarioOf(findings)).toMatchObject({ expected_logs: 2, logs: 1, as_expected: false });
  });

  test('a failed log that the partner never saw is not lost, but not as expected', () => {
    const failed = { ...delivered('b'), status: 'FAIL', certainty: 'UNKNOWN' } as const;
    const findings = { ...goodFindings(), logs: [delivered('a'), failed] };
    findings.seen.log_ids = ['a'];
    expect(report(findings)).toMatchObject({ ok: false, lost: 0 });
    expect(scenarioOf(findings)).toMatchObject({ unexpected: ['b'], as_expected: false });
  });

  test('a delivery that nothing called for is unexpected', () => {
    const findings = { ...goodFindings(), logs: [...goodFindings().logs, delivered('c')] };
    findings.seen.log_ids.push('c');
    expect(report(findings)).toMatchObject({ ok: false, lost: 0 });
    expect(scenarioOf(findings)).toMatchObject({ unexpected: ['c'], as_expected: false });
  });

  test('an event that made no delivery though a rule matches is not as expected', () => {
    const findings = { ...goodFindings(), logs: [delivered('a')] };
    findings.traffic.acknowledged[1] = { event, eventId: 'e-b', logIds: [] };
    expect(report(findings)).toMatchObject({ ok: false, lost: 0 });
    expect(scenarioOf(findings)).toMatchObject({ expected_logs: 2, logs: 1, as_expected: false });
  });

  test('a log of a disabled rule is unexpected', () => {
    const findings = { ...goodFindings(), scenarios: new Map([[PAYMENTS, 'disabled']]) };
    const disabled = report(findings).by_scenario.find(({ scenario }) => scenario === 'disabled');
    expect(disabled).toMatchObject({ expected_logs: 0, logs: 2, as_expected: false });
  });

  test('pending logs and due, claimed or reporting tasks are unfinished; scheduled ones wait', () => {
    const findings = goodFindings();
    findings.logs = [delivered('a'), { ...delivered('b'), status: 'PENDING', certainty: null }];
    findings.health.tasks_by_state = { READY: 1, CLAIMED: 2, REPORTING: 3, SCHEDULED: 4, HELD: 5 };
    expect(report(findings)).toMatchObject({ ok: false, unfinished: 7, scheduled: 4 });
  });

  test('what waits for an endpoint is neither lost nor unfinished', () => {
    const waits = {
      ...delivered('b'),
      status: 'PENDING',
      certainty: null,
      held_reason: 'ENDPOINT_DOWN',
    } as const;
    const findings = { ...goodFindings(), logs: [delivered('a'), waits] };
    findings.seen.log_ids = ['a'];
    findings.health.tasks_by_state = { WAITING_FOR_ENDPOINT: 1 };
    expect(report(findings)).toMatchObject({ lost: 0, unfinished: 0, scheduled: 1 });
    // But at this integration nothing should have to wait.
    expect(scenarioOf(findings)).toMatchObject({
      outcomes: { 'PENDING ENDPOINT_DOWN': 1 },
      unexpected: ['b'],
    });
  });

  test('of many failures in a row the last wait untried behind the breaker, and for nothing else', () => {
    const scenario = 'not_sent_connect';
    const fromMombasa = { ...event, category: 'REPORT_SUBMITTED', labId: MOMBASA };
    const failed = {
      ...delivered('a'),
      status: 'FAIL',
      certainty: 'NOT_SENT',
      error_kind: 'CONNECT',
      response_status_code: null,
    } as const;
    const result = (second: Partial<ReturnType<typeof delivered>>) => {
      const findings = goodFindings();
      findings.scenarios = new Map([[PAYMENTS, scenario]]);
      for (const one of findings.traffic.acknowledged) one.event = fromMombasa;
      const waits = { ...failed, log_id: 'b', status: 'PENDING', certainty: null } as const;
      findings.logs = [failed, { ...waits, ...second }];
      return report(findings).by_scenario.find((one) => one.scenario === scenario)?.as_expected;
    };
    expect(result({ held_reason: 'BREAKER_OPEN' })).toBe(true);
    expect(result({ held_reason: 'ENDPOINT_DOWN' })).toBe(false);
    expect(result({ held_reason: null })).toBe(false);
  });

  test('an event that was not answered as it must be is a fault', () => {
    const findings = goodFindings();
    findings.traffic.faults = ['BILL_GENERATED: repeated with its key, it got another answer'];
    const document = report(findings);
    expect(document).toMatchObject({ ok: false, faults: findings.traffic.faults });
    expect(renderReport(document)).toContain('FAULT BILL_GENERATED: repeated with its key');
  });

  test('what the third party’s own calls fired counts like what events call for', () => {
    const FIRED = 9;
    const confirmed = {
      status: 'CONFIRMED',
      already_confirmed: false,
      event_id: 'e',
      log_ids: ['c'],
    };
    const findings = goodFindings();
    const booked = { ...event, category: 'APPOINTMENT_CREATED', labId: 4101, body: {} };
    findings.traffic.acknowledged.push({ event: booked, eventId: 'e-c', logIds: [] });
    findings.appointments.CONFIRMED = 1;
    findings.seen.confirmations = [
      {
        lab_id: 4101,
        appointment_id: 'A',
        confirmed_as: 'BOOKED',
        answer: confirmed,
        refused: null,
      },
    ];
    findings.scenarios = new Map([...findings.scenarios, [FIRED, 'fired_by_a_call']]);
    const fired = () =>
      report(findings).by_scenario.find((one) => one.scenario === 'fired_by_a_call');
    expect(report(findings)).toMatchObject({ lost: 1, events: 3 });
    expect(fired()).toMatchObject({ expected_logs: 1, logs: 0, as_expected: false });
    const log = { lab_integration_id: FIRED, action_category: 'APPOINTMENT_CONFIRMED' };
    findings.logs = [...findings.logs, { ...delivered('c'), ...log }];
    findings.seen.log_ids.push('c');
    expect(fired()).toMatchObject({ expected_logs: 1, logs: 1, as_expected: true });
    expect(report(findings)).toMatchObject({ lost: 0, appointments: { confirmed: 1 } });
  });

  test('in words: the counts, why deliveries failed, and what is not shown yet', () => {
    const failed = {
      ...delivered('b'),
      status: 'FAIL',
      certainty: 'UNKNOWN',
      error_kind: 'TIMEOUT',
      response_status_code: null,
    } as const;
    const text = renderReport(report({ ...goodFindings(), logs: [delivered('a'), failed] }));
    expect(text).toMatch(/^2 events acknowledged .* 2 deliveries/);
    expect(text).toMatch(/delivered +1\n/);
    expect(text).toMatch(/failed +1 +1 × UNKNOWN TIMEOUT\n/);
    expect(text).toMatch(/WRONG +Bank: payments/);
    expect(text).toMatch(/Calls in: 4 captured, 0 of them refused; 2 deliveries are linked/);
    expect(text).toMatch(/Outside worker, a process of its own: 0 deliveries leased/);
    expect(text).toMatch(
      /A wrong bill: FAIL REFUSED 422; corrected at .*, sent again as revision 2/,
    );
    expect(text).toMatch(/without a reason: "The receiver may already hold revision 1\."/);
    expect(text).toMatch(/300 refused ones at once: CANARY_FAILED, so 1 was sent and 299 were not/);
    expect(text).toMatch(/Batch: 119 of 120 records in one call taken/);
    expect(text).toMatch(/Appointments: 0 confirmed by calls of the third party/);
    expect(text).toMatch(/Not shown yet: HL7 and Mirth\./);
  });
});
