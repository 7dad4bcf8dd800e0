import { describe, expect, test } from 'vitest';
import { openLocalStore } from './local-store.ts';
import { configure, delivery, event, report, stampNext } from './samples.ts';

describe('a delivery that was withheld since its rule was switched off, which is on again', () => {
  test.each(['in process', 'over HTTP'])('is queued once more (%s)', async (way) => {
    const store = openLocalStore();
    const rule = await configure(store, { isRetryEnabled: false });
    await store.acceptEvent(event([delivery(rule)]));
    const { task } = await stampNext(store);
    const told = report(task.logId, {
      attempt: 1,
      status: 'FAIL',
      certainty: 'NOT_SENT',
      errorKind: 'CONFIGURATION',
      responseStatusCode: null,
    });
    const payload = {
      log_id: task.logId,
      attempt_id: `${task.logId}_a1`,
      integration_callback_url: '',
      lab_id: 1,
      lab_integration_id: rule,
      action_category: 'X',
      event_id: null,
    };
    const reportOverHttp = way === 'over HTTP' ? payload : null;
    const { taskId } = task;
    const settled = await store.settle({ taskId, report: told, reportOverHttp, goesBack: true });
    // It says nothing of the partner, nor of the rule.
    expect(settled).not.toHaveProperty('breaker');
    if (reportOverHttp) {
      await store.report(told);
      await store.reportTaken({ taskId });
    }
    expect((await store.figures()).tasksByState).toEqual({ READY: 1 });
    expect(await store.getLog(task.logId)).toMatchObject({
      retryState: 'SCHEDULED',
      heldReason: null,
    });
  });
});
