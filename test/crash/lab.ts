import { expect } from 'vitest';
import { EngineProcess } from './engine-process.ts';
import { readLedger } from './ledger.ts';

export const LAB_ID = 7;
/** A category of the lab's own; one rule sends it on. Generated bills have two rules. */
export const OWN_CATEGORY = 'CRATE_MOVED';
export const LOGS_PER_BILL = 2;
/** The engine's slots: so many attempts may be under way at once. */
export const SLOTS = 16;

/** How long the queue may take to empty (ms). */
const DRAINED_WITHIN_MS = 60_000;

/**
 * Makes a lab in a new data folder, with an engine of its own that is stopped again.
 * @returns the lab system's key
 */
export async function configureLab(
  cli: string,
  dataFolder: string,
  partnerUrl: string,
): Promise<string> {
  const engine = new EngineProcess(cli, dataFolder);
  await engine.call('updateSettings', { max_concurrency: SLOTS, event_rate_limit: 10_000_000 });
  await engine.call('addUpdateLab', {
    lab_id: LAB_ID,
    name: 'City lab',
    time_zone: 'Asia/Kolkata',
  });
  const category = await engine.call('addUpdateActionCategory', {
    code: OWN_CATEGORY,
    name: 'Crate moved',
  });
  const { items } = await engine.call('getActionCategoryList', {});
  const billed = items.find(({ code }) => code === 'BILL_GENERATED');
  const rules = [
    { name: 'bills', id: billed?.action_category_list_id },
    { name: 'bills again', id: billed?.action_category_list_id },
    { name: 'crates', id: category.action_category_list_id },
  ];
  for (const { name, id } of rules) {
    await engine.call('addUpdateWebhookIntegration', {
      lab_id: LAB_ID,
      action_category_list_id: id,
      name,
      end_point: `${partnerUrl}/${name.replace(' ', '-')}`,
      // More than there are slots: it is the slots that must bound what a crash leaves in doubt.
      max_concurrency: 4 * SLOTS,
    });
  }
  const { key } = await engine.call('createAccessKey', { kind: 'inbound', name: 'Lab system' });
  expect(await engine.stop()).toEqual({ code: 0, signal: null });
  return key;
}

/** Waits until no task is left: every log has its outcome. */
export async function untilDrained(dataFolder: string): Promise<void> {
  await expect
    .poll(() => readLedger(dataFolder, (ledger) => ledger.openTasks()), {
      timeout: DRAINED_WITHIN_MS,
      interval: 50,
    })
    .toBe(0);
}
