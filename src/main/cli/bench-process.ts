import { UsageError } from './arguments.ts';
import { bulkLoader } from './bench/bulk-loader.ts';
import { engineRole } from './bench/engine-role.ts';
import { loader } from './bench/loader.ts';
import { passThrough } from './bench/pass-through.ts';
import { plainInsertRole } from './bench/plain-insert-role.ts';
import { receiver } from './bench/receiver.ts';
import { retryEngineRole } from './bench/retry-engine-role.ts';
import type { Run } from './output.ts';

const ROLES: Record<string, () => Promise<void>> = {
  receiver,
  loader,
  engine: engineRole,
  'pass-through': passThrough,
  'bulk-loader': bulkLoader,
  'plain-insert': plainInsertRole,
  'retry-engine': retryEngineRole,
};

/** A process of the benchmark; `bench` starts it, people need not. */
export const run: Run = async ([name = '']) => {
  const role = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
  if (!role) throw new UsageError(`there is no benchmark process "${name}"`);
  await role();
  return 0;
};
