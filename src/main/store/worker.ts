import { parentPort, workerData } from 'node:worker_threads';
import type { Database } from 'better-sqlite3';
import type { BackupRequest } from '../../shared/model/backup.ts';
import { createFailpoint } from '../../shared/failpoint.ts';
import { copyStore } from './backup.ts';
import { createCommands, createQueries } from './commands.ts';
import { openReader, openWriter } from './connection.ts';
import { GroupCommit } from './group-commit.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { faultOf, type Hello, type Reply, type Request, type ThreadOptions } from './protocol.ts';

/** A store thread: the one writer, or one of the readers. */
const port = parentPort;
if (!port) throw new Error('this file is the store thread; it is not run by itself');
const options = workerData as ThreadOptions;

const START = { writer: startWriter, reader: startReader, copier: startCopier };

try {
  const serve = START[options.role]();
  port.postMessage({ ready: true } satisfies Hello);
  port.on('message', serve);
} catch (error) {
  port.postMessage({ ready: false, error: faultOf(error) } satisfies Hello);
}

function reply(replies: Reply[]): void {
  port?.postMessage(replies);
}

function startWriter(): (requests: Request[]) => void {
  const db = openWriter(options.file);
  try {
    migrate(db, MIGRATIONS, options.backupFolder, new Date());
    if (options.maxPageCount) db.pragma(`max_page_count = ${options.maxPageCount}`);
    const failpoint = createFailpoint(options.failpoint, () =>
      process.kill(process.pid, 'SIGKILL'),
    );
    const group = new GroupCommit(db, createCommands(db), reply, failpoint);
    return (requests) => {
      const work = requests.filter(({ name }) => name !== 'close');
      if (work.length > 0) group.push(work);
      const close = requests.find(({ name }) => name === 'close');
      if (close) closeWhenIdle(db, group, close.id);
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

function startReader(): (requests: Request[]) => void {
  const db = openReader(options.file);
  const queries = createQueries(db);
  return (requests) => {
    const replies: Reply[] = [];
    for (const { id, name, input } of requests) {
      if (name === 'close') {
        reply(replies.splice(0));
        closeAndReply(db, id);
        continue;
      }
      try {
        const query = queries.get(name);
        if (!query) throw new Error(`no query ${name}`);
        replies.push({ id, ok: true, value: query(input as never) });
      } catch (error) {
        replies.push({ id, ok: false, error: faultOf(error) });
      }
    }
    if (replies.length > 0) reply(replies);
  };
}

/** Copies the store, one copy after the other. */
function startCopier(): (requests: Request[]) => void {
  const copy = async ({ id, name, input }: Request): Promise<Reply> => {
    if (name === 'close') return { id, ok: true, value: null };
    try {
      return { id, ok: true, value: await copyStore(options.file, input as BackupRequest) };
    } catch (error) {
      return { id, ok: false, error: faultOf(error) };
    }
  };
  const copyAll = async (requests: Request[], before: Promise<void>): Promise<void> => {
    await before;
    for (const request of requests) reply([await copy(request)]);
  };
  let last = Promise.resolve();
  return (requests) => {
    last = copyAll(requests, last);
  };
}

/** Closes behind everything that was sent before. */
function closeWhenIdle(db: Database, group: GroupCommit, id: number): void {
  if (group.idle) closeAndReply(db, id);
  else setImmediate(() => closeWhenIdle(db, group, id));
}

function closeAndReply(db: Database, id: number): void {
  db.close();
  reply([{ id, ok: true, value: null }]);
}
