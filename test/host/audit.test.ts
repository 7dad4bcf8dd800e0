import Database from 'better-sqlite3';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/main/cli/dispatch.ts';
import { hostConfig } from '../../src/main/config.ts';
import { type Host, openHost } from '../../src/main/host.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import type { ProcedureName } from '../../src/shared/contract/index.ts';
import { capturedIo } from '../cli/captured-io.ts';
import { adminToken, call, configureLab, host, newFolder, post } from './hosting.ts';

let running: Host;
beforeAll(async () => {
  running = await host();
  await configureLab(running, 'http://127.0.0.1:9/');
});
afterAll(() => running.close());

/** `labrelay audit verify` on a data folder. */
async function verify(data: string, environment: Record<string, string> = {}) {
  const io = capturedIo(environment);
  const code = await main(['audit', 'verify', '--data', data, '--json'], io);
  return { code, ...(JSON.parse(io.stdout()) as { ok: boolean; fault: { kind: string } | null }) };
}

describe('the audit chain of a host', () => {
  it('begins with the first admin key, and holds each act and what came of it', async () => {
    const { items } = await call(running, 'listAudit', { limit: 500 });
    const [first, second, third] = items.toReversed();
    expect(first).toMatchObject({ audit_id: 1, action: 'firstAdminKey', subject: 'first admin' });
    expect(second).toMatchObject({
      action: 'addUpdateLab',
      actor: 'first admin',
      role: 'admin',
      subject: 'lab_id=7',
      address: '127.0.0.1',
      fields: ['lab_id', 'name', 'time_zone'],
      of: null,
    });
    expect(third).toMatchObject({ action: 'addUpdateLab', of: second?.audit_id, outcome: 'done' });
  });

  it('is listed by actor, action and time, page after page', async () => {
    const { items } = await call(running, 'listAudit', { action: 'createAccessKey', limit: 1 });
    expect(items).toMatchObject([{ outcome: 'done' }]);
    const all: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await call(running, 'listAudit', { limit: 2, cursor });
      all.push(...page.items.map(({ audit_id }) => audit_id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(all).toEqual(Array.from({ length: all.length }, (_, index) => all.length - index));
    const later = { from: '2100-01-01T00:00:00Z' };
    expect((await call(running, 'listAudit', later)).items).toEqual([]);
  });

  it('tells of signing in and out, and of refused tries', async () => {
    const signedIn = await post(running, '/api/v1/session', { key: adminToken(running) }, {});
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? '';
    await fetch(`${running.url}/api/v1/session`, {
      method: 'DELETE',
      headers: { cookie, 'sec-fetch-site': 'same-origin' },
    });
    await post(running, '/api/v1/session', { key: 'wrong' }, {});
    await expect
      .poll(async () => (await call(running, 'listAudit', { limit: 3 })).items)
      .toMatchObject([
        { action: 'signInRefused', actor: 'unknown', count: 1, addresses: ['127.0.0.1'] },
        { action: 'signOut', actor: 'first admin', subject: 'session_id=1' },
        { action: 'signIn', actor: 'first admin' },
      ]);
  });

  it('is verified while it is written', async () => {
    expect(await verify(running.dataFolder)).toMatchObject({ code: 0, ok: true, fault: null });
  });
});

describe('on a full disk', () => {
  it('nothing is shown in clear and nothing is changed, since it could not be written', async () => {
    const data = newFolder();
    await (await host({ data })).close();
    const db = new Database(join(data, 'labrelay.db'));
    const pages = db.pragma('page_count', { simple: true }) as number;
    db.close();
    const full = await openHost(hostConfig({ data, port: '0' }, {}), { maxPageCount: pages + 2 });
    try {
      const statusOf = async (name: ProcedureName, input: object) => {
        const headers = { authorization: `Bearer ${adminToken(full)}` };
        return (await post(full, procedurePath(name), input, headers)).status;
      };
      const signIn = async () =>
        (await post(full, '/api/v1/session', { key: adminToken(full) }, {})).status;
      let filled = 200;
      for (let id = 1; filled === 200 && id < 500; id++) {
        filled = await statusOf('addUpdateOrganization', {
          organization_id: id,
          name: 'x'.repeat(200),
        });
      }
      expect(filled).toBe(503);
      // Signing in writes less, and may still fit into what is left of a page.
      for (filled = 200; filled === 200; ) filled = await signIn();
      expect(filled).toBe(503);
      // Would be 404 if it had been looked for.
      expect(await statusOf('revealLog', { log_id: 'nobody' })).toBe(503);
      expect(await statusOf('updateSettings', { session_hours: 3 })).toBe(503);
      // What only reads goes on.
      expect(await statusOf('getLog', { log_id: 'nobody' })).toBe(404);
      expect(full.engine.configuration.settings.sessionHours).toBe(12);
    } finally {
      await full.close();
    }
  });
});

describe('labrelay audit verify', () => {
  it('finds what was done to the file of an engine that stands still', async () => {
    const stopped = await host();
    await call(stopped, 'addUpdateLab', { lab_id: 7, name: 'City Lab', time_zone: 'UTC' });
    await stopped.close();
    expect(await verify(stopped.dataFolder)).toMatchObject({ code: 0 });
    const db = new Database(join(stopped.dataFolder, 'labrelay.db'));
    db.exec('DROP TRIGGER audit_is_append_only_delete');
    db.exec('DELETE FROM audit WHERE audit_id = (SELECT max(audit_id) FROM audit)');
    db.close();
    expect(await verify(stopped.dataFolder)).toMatchObject({
      code: 1,
      ok: false,
      fault: { kind: 'TAIL_MISSING', audit_id: 3 },
    });
    const io = capturedIo();
    expect(await main(['audit', 'verify', '--data', stopped.dataFolder], io)).toBe(1);
    expect(io.stdout()).toContain('NOT whole: the last rows are missing: 3 to 3');
  });

  it('needs the key that the engine runs with', async () => {
    const key = Buffer.alloc(32, 7).toString('base64');
    const other = await host({}, { LABRELAY_KEY: key });
    await other.close();
    expect(await verify(other.dataFolder, { LABRELAY_KEY: key })).toMatchObject({ code: 0 });
    expect(await verify(other.dataFolder)).toMatchObject({
      code: 1,
      fault: { kind: 'SEAL_BROKEN' },
    });
  });

  it.each([
    [['audit', 'mend'], 'audit can only verify'],
    [['audit'], 'verify is missing'],
    [['audit', 'verify', '--data', newFolder()], 'holds no store'],
  ])('%j is unusable', async (argv, words) => {
    const io = capturedIo();
    expect(await main(argv, io)).toBe(2);
    expect(io.stderr()).toContain(words);
  });
});
