import { join } from 'node:path';
import { encodeBuildChunk } from '../../src/main/store/batch-wire.ts';
import { encodeSealBatch } from '../../src/main/store/batches.ts';
import { encodeCall } from '../../src/main/store/calls.ts';
import { createCommands, createQueries } from '../../src/main/store/commands.ts';
import { openWriter } from '../../src/main/store/connection.ts';
import { GroupCommit } from '../../src/main/store/group-commit.ts';
import { encodeAcceptEvent, encodeSaveObjects } from '../../src/main/store/intake.ts';
import { migrate } from '../../src/main/store/migrate.ts';
import { MIGRATIONS } from '../../src/main/store/migrations/index.ts';
import {
  errorOf,
  type Reply,
  type Request,
  type StoreFault,
} from '../../src/main/store/protocol.ts';
import type { Store } from '../../src/main/store/store.ts';
import type { InboundCall } from '../../src/shared/model/call.ts';
import type { BuildChunk, SealBatch } from '../../src/shared/model/batch.ts';
import type { AcceptEvent } from '../../src/shared/model/event.ts';
import { temporaryFolder } from '../helpers/folders.ts';
import { watchChanges } from './told-changes.ts';

type SaveObjects = Parameters<typeof encodeSaveObjects>[0];

/** What a store can be asked, without the class's private parts. */
export type OpenStore = Pick<Store, keyof Store>;

/**
 * The real store's commands, queries, group commit and file, but on the calling thread: starting
 * three threads takes a second, which is too long for tests that want a fresh store each. Each commit
 * is checked: whatever log it changes, its commands tell of it.
 */
export function openLocalStore(): OpenStore & { file: string } {
  const folder = temporaryFolder();
  const file = join(folder, 'labrelay.db');
  const db = openWriter(file);
  migrate(db, MIGRATIONS, join(folder, 'backups'), new Date());
  const commands = createCommands(db);
  const queries = createQueries(db);
  const waiting = new Map<number, (reply: Reply) => void>();
  const requests = new Map<number, Request>();
  const check = watchChanges(db);
  const group = new GroupCommit(
    db,
    commands,
    (replies) => {
      const batch = replies.flatMap(({ id }) => requests.get(id) ?? []);
      let fault: StoreFault | null = null;
      try {
        check(batch, replies);
      } catch (error) {
        fault = { kind: 'BUG', message: String(error) };
      }
      for (const reply of replies) {
        waiting.get(reply.id)?.(fault ? { id: reply.id, ok: false, error: fault } : reply);
      }
    },
    () => {},
  );
  let nextId = 1;

  // Data in and data out, as over a thread boundary.
  const write = async (name: string, input: unknown): Promise<unknown> => {
    const id = nextId++;
    const reply = await new Promise<Reply>((resolve) => {
      const request = { id, name, input: structuredClone(input) };
      waiting.set(id, resolve);
      requests.set(id, request);
      group.push([request]);
    });
    waiting.delete(id);
    requests.delete(id);
    if (!reply.ok) throw errorOf(reply.error);
    return structuredClone(reply.value);
  };
  const call = async (name: string, input: unknown): Promise<unknown> => {
    const query = queries.get(name);
    return query
      ? structuredClone(query(structuredClone(input ?? null) as never))
      : write(name, input);
  };
  const named = new Proxy({} as OpenStore, {
    get: (_, name) => {
      if (name === 'then') return undefined;
      if (name === 'file') return file;
      if (name === 'configuration') return named;
      if (name === 'close') return async () => void db.close();
      if (name === 'acceptEvent') {
        return (command: AcceptEvent) => write('acceptEvent', encodeAcceptEvent(command));
      }
      if (name === 'keepCall') {
        return (one: InboundCall) => write('keepCall', encodeCall(one, one.responseBody));
      }
      if (name === 'sealBatch') {
        return (seal: SealBatch) => write('sealBatch', encodeSealBatch(seal));
      }
      if (name === 'buildBatch') {
        return (chunk: BuildChunk) => write('buildBatch', encodeBuildChunk(chunk));
      }
      if (name === 'saveObjects') {
        return (command: SaveObjects) => write('saveObjects', encodeSaveObjects(command));
      }
      return (input: unknown) => call(String(name), input ?? null);
    },
  });
  return named as OpenStore & { file: string };
}
