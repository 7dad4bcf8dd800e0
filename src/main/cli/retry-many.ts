import type { CallInput } from '../../shared/contract/index.ts';
import { UsageError } from './arguments.ts';
import { follow, howToGoOn, planned, ROWS, tell } from './bulk-follow.ts';
import { type Bulk, renderPlan, sendable } from './bulk-text.ts';
import type { EngineClient } from './client.ts';
import { type CommandIo, line } from './output.ts';
import { type RetryFlags, wholeFlag } from './retry-wish.ts';

type Selection = Pick<CallInput<'retryIntegrations'>, 'log_ids' | 'filter'>;
type ManyWish = Omit<CallInput<'retryIntegrations'>, keyof Selection>;
type Values = RetryFlags & { json?: boolean | undefined };

/**
 * Refuses what needs a yes where nobody can be asked, before anything is planned.
 * @throws UsageError with the cure
 */
export function mustBeAskable({ plan, yes }: Values, io: CommandIo): void {
  if (plan || yes || io.ask) return;
  throw new UsageError(
    'nobody can be asked here; give --plan to see what would be sent, or --yes to send it without asking',
  );
}

/** The flags as `retryIntegrations` takes them. */
export function manyWish(flags: RetryFlags): ManyWish {
  const rate = wholeFlag(flags, 'rate', 1, 100_000);
  const stopAfter = wholeFlag(flags, 'stop-after', 1, 1_000);
  return {
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    ...(flags['accept-duplicates'] ? { accept_duplicates: true } : {}),
    ...(flags.stored ? { body: 'stored' as const } : {}),
    ...(flags['no-canary'] ? { canary: false } : {}),
    ...(rate === null ? {} : { rate_per_minute: rate }),
    ...(stopAfter === null ? {} : { stop_after: stopAfter }),
  };
}

/**
 * Plans, shows the plan, asks, starts and follows the retry of many logs.
 * @returns the exit code
 */
export async function retryMany(
  client: EngineClient,
  selection: Selection,
  wish: ManyWish,
  values: Values,
  io: CommandIo,
): Promise<number> {
  const json = values.json === true;
  const { bulk_retry_id: id } = await client.call('retryIntegrations', { ...selection, ...wish });
  const plan = await planned(client, id);
  if (values.plan) return showPlan(client, plan, json, io);
  // With --json standard output is for the one document.
  (json ? io.err : io.out)(`${renderPlan(plan)}\n`);
  if (sendable(plan) === 0) {
    await withdraw(client, id);
    if (json)
      line(io.out, JSON.stringify(await client.call('getBulkRetry', { bulk_retry_id: id })));
    else line(io.out, plan.total === 0 ? 'No log matches.' : 'None of them can be sent.');
    return plan.total === 0 ? 0 : 1;
  }
  if (!values.yes && !(await isWanted(client, plan, io))) {
    throw new Error('Nothing was sent.');
  }
  await client.call('controlBulkRetry', {
    bulk_retry_id: id,
    action: 'start',
    expected_total: plan.total,
  });
  if (values['no-wait']) {
    if (!json) io.err(howToGoOn(id));
    await tell(client, id, json, io);
    return 0;
  }
  return follow(client, id, json, io);
}

async function showPlan(
  client: EngineClient,
  plan: Bulk,
  json: boolean,
  io: CommandIo,
): Promise<number> {
  const { bulk_retry_id } = plan;
  if (json) {
    const whole = await client.call('getBulkRetry', { bulk_retry_id, limit: ROWS });
    line(io.out, JSON.stringify(whole));
    return 0;
  }
  io.out(renderPlan(plan));
  line(io.out, '\nNothing is sent yet.');
  if (sendable(plan) > 0) {
    line(io.out, `  labrelay bulk-retry ${bulk_retry_id} --start --follow    sends them`);
  }
  line(io.out, `  labrelay bulk-retry ${bulk_retry_id} --cancel            forgets the plan`);
  return 0;
}

/** Asks; a plan that is not wanted does not stay. */
async function isWanted(client: EngineClient, plan: Bulk, io: CommandIo): Promise<boolean> {
  try {
    const answer = await io.ask?.(`Send ${sendable(plan)} of ${plan.total} again? y/N `);
    if (/^y(es)?$/i.test(answer?.trim() ?? '')) return true;
  } catch (error) {
    await withdraw(client, plan.bulk_retry_id);
    throw error;
  }
  await withdraw(client, plan.bulk_retry_id);
  return false;
}

async function withdraw(client: EngineClient, id: string): Promise<void> {
  await client.call('controlBulkRetry', {
    bulk_retry_id: id,
    action: 'cancel',
    reason: 'not wanted once it was planned',
  });
}
