import { Pool } from 'undici';
import { serveLines } from './line-rpc.ts';
import { bareBody, billEvent } from './messages.ts';

/** What a load is made of. */
export interface Load {
  origin: string;
  path: string;
  /** `bare`: posts to the receiver itself. `event`: posts bills to an event route. */
  kind: 'bare' | 'event';
  key: string | null;
  count: number;
  concurrency: number;
  /** Distinguishes the ids of one run from another's. */
  prefix: string;
}

/** Posts a load with so many requests in flight; the `bare` arm is nothing but this loop. */
export async function loader(): Promise<void> {
  const pools = new Map<string, Pool>();
  const poolOf = (origin: string, concurrency: number): Pool => {
    const known = pools.get(origin);
    if (known) return known;
    const pool = new Pool(origin, { connections: concurrency, pipelining: 1, allowH2: false });
    pools.set(origin, pool);
    return pool;
  };

  const run = async (load: Load): Promise<{ failed: number }> => {
    const pool = poolOf(load.origin, load.concurrency);
    let next = 0;
    let failed = 0;
    const one = async (): Promise<void> => {
      while (next < load.count) {
        const id = `${load.prefix}-${next++}`;
        const headers: Record<string, string> = { 'content-type': 'application/json' };
        if (load.key !== null) headers['authorization'] = `Bearer ${load.key}`;
        else headers['webhook-id'] = id;
        const answer = await pool.request({
          method: 'POST',
          path: load.path,
          headers,
          body: load.kind === 'bare' ? bareBody(id) : billEvent(1, id),
        });
        await answer.body.dump();
        if (answer.statusCode >= 300) failed++;
      }
    };
    await Promise.all(Array.from({ length: load.concurrency }, one));
    return { failed };
  };

  await serveLines({ run }, async () => {
    await Promise.all([...pools.values()].map((pool) => pool.destroy()));
  });
}
