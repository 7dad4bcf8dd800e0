import type { Engine } from '../../engine/engine.ts';

/** Sets an engine up for a benchmark: one lab, one key, one rule that posts bills to a receiver. */
export async function configureForBench(
  engine: Engine,
  endPoint: string,
  concurrency: number,
): Promise<{ key: string; labIntegrationId: number }> {
  const { configuration } = engine;
  await configuration.saveLab({ labId: 1, name: 'Benchmark', timeZone: 'UTC' });
  await configuration.saveSettings({ maxConcurrency: concurrency, eventRateLimit: 60_000_000 });
  const { key } = await configuration.createAccessKey({ kind: 'inbound', name: 'loader' });
  const category = configuration.actionCategory('BILL_GENERATED');
  if (!category) throw new Error('the category BILL_GENERATED is missing');
  const { integration } = await configuration.saveLabIntegration(
    {
      labId: 1,
      actionCategoryListId: category.actionCategoryListId,
      name: 'Receiver',
      transport: 'http',
      endPoint,
      // Twice the slots, so that the next tasks are at hand when one is done.
      maxConcurrency: 2 * concurrency,
    },
    'benchmark',
  );
  return { key, labIntegrationId: integration.labIntegrationId };
}
