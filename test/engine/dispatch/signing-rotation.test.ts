import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { beforeEach, describe, expect, test } from 'vitest';
import { CredentialSource } from '../../../src/main/engine/dispatch/credentials.ts';
import { prepareAttempt } from '../../../src/main/engine/dispatch/request.ts';
import { SECRET_MASK } from '../../../src/shared/contract/configuration/authentications.ts';
import { openRoom, RULE, type Room } from '../configuration/room.ts';
import { taskOf } from './lookup.ts';
import { ScriptedTransport } from './scripted-transport.ts';

const HOUR = 3_600_000;
const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;
const [FIRST, SECOND, THIRD] = [newSecret(), newSecret(), newSecret()];

let room: Room;
let rule: number;

beforeEach(async () => {
  room = await openRoom();
  // Receivers believe nothing that is older than five minutes: what is sent is sent now.
  room.time.now = Date.now();
  await save({ labId: 1, name: 'Partner', kind: 'none', keys: { signing_secret: FIRST } });
  const { integration } = await room.configuration.saveLabIntegration(
    { ...RULE, labId: 1, developerAuthenticationId: 1, signing: true },
    'test',
  );
  rule = integration.labIntegrationId;
});

type Change = Parameters<Room['configuration']['saveDeveloperAuthentication']>[0];
const save = (keys: Change) => room.configuration.saveDeveloperAuthentication(keys);

/** Changes the keys so many hours before now, the time at which everything is sent. */
async function change(keys: Change['keys'], hoursAgo: number): Promise<void> {
  const now = room.time.now;
  room.time.now = now - hoursAgo * HOUR;
  await save({ developerAuthenticationId: 1, keys });
  room.time.now = now;
}

/** Which of the secrets a receiver may hold and still believe what leaves now. */
async function believed(): Promise<string[]> {
  const { configuration } = room;
  const transport = new ScriptedTransport();
  const source = new CredentialSource({ configuration, transport, clock: () => room.time.now });
  const task = taskOf({ labIntegrationId: rule });
  const { request } = await prepareAttempt(task, configuration, source, room.time.now);
  const holds = (secret: string) => {
    try {
      new Webhook(secret).verify(request.body ?? '', request.headers);
      return true;
    } catch {
      return false;
    }
  };
  const names = { FIRST, SECOND, THIRD };
  return Object.entries(names).flatMap(([name, secret]) => (holds(secret) ? [name] : []));
}

const facts = () => {
  const row = room.configuration.authentication(1);
  if (!row) throw new Error('no authentication');
  return room.configuration.authenticationFacts(row);
};

describe('a signing secret that is replaced', () => {
  test('goes on signing beside the new one for a day, then the new one signs alone', async () => {
    expect(await believed()).toEqual(['FIRST']);
    await change({ signing_secret: SECOND }, 0);
    expect(await believed()).toEqual(['FIRST', 'SECOND']);
    expect(facts().signingOverlapEndsAt).toBe(room.time.now + 24 * HOUR);
  });

  test.each([
    [23.99, ['FIRST', 'SECOND']],
    [24, ['SECOND']],
    [1_000, ['SECOND']],
  ])('so after %d hours %j', async (hoursAgo, expected) => {
    await change({ signing_secret: SECOND }, hoursAgo);
    expect(await believed()).toEqual(expected);
    expect(facts().signingOverlapEndsAt === null).toBe(expected.length === 1);
  });

  test('overlaps as long as it is told to, which may be told later as well', async () => {
    await change({ signing_secret: SECOND, signing_overlap_hours: 72 }, 48);
    expect(await believed()).toEqual(['FIRST', 'SECOND']);
    await change({ signing_overlap_hours: 47 }, 0);
    expect(await believed()).toEqual(['SECOND']);
  });

  test('does not overlap where the length is none, as when it was given away', async () => {
    await change({ signing_secret: SECOND, signing_overlap_hours: 0 }, 0);
    expect(await believed()).toEqual(['SECOND']);
    expect(room.configuration.authentication(1)?.sealedKeys).not.toHaveProperty(
      'signing_secret_previous',
    );
  });

  test('is dropped at once where the overlap is ended by hand', async () => {
    await change({ signing_secret: SECOND }, 1);
    await change({ signing_secret_previous: null }, 0);
    expect(await believed()).toEqual(['SECOND']);
    expect(facts()).toMatchObject({ signingOverlapEndsAt: null, notices: [] });
  });

  test('twice leaves the newest two: the oldest signs no more', async () => {
    await change({ signing_secret: SECOND }, 2);
    await change({ signing_secret: THIRD }, 1);
    expect(await believed()).toEqual(['SECOND', 'THIRD']);
  });

  test('by itself, or sent back as its mask, is not replaced', async () => {
    await change({ signing_secret: SECOND }, 2);
    await change({ signing_secret: SECOND, signing_secret_previous: SECRET_MASK }, 1);
    await change({ signing_secret: SECRET_MASK }, 1);
    expect(await believed()).toEqual(['FIRST', 'SECOND']);
    expect(facts().signingOverlapEndsAt).toBe(room.time.now + 22 * HOUR);
  });

  test('is forgotten with the next change once its time is over', async () => {
    await change({ signing_secret: SECOND }, 25);
    await save({ developerAuthenticationId: 1, name: 'Partner AG' });
    const row = room.configuration.authentication(1);
    expect(Object.keys(row?.sealedKeys ?? {})).toEqual(['signing_secret']);
    expect(row?.publicKeys).toEqual({});
  });

  test('overlaps still after a restart', async () => {
    await change({ signing_secret: SECOND }, 1);
    room.configuration = await room.restart();
    expect(await believed()).toEqual(['FIRST', 'SECOND']);
  });
});

test('a former secret cannot be given, only be kept', async () => {
  await expect(change({ signing_secret_previous: FIRST }, 0)).rejects.toMatchObject({
    errors: [{ field: 'keys.signing_secret_previous', reason: expect.stringMatching(/kept by/) }],
  });
});

test('where the key file is lost, only the present secret is asked for again; the former goes with it', async () => {
  await change({ signing_secret: SECOND }, 1);
  // As another key file would leave them.
  room.db.exec(
    `UPDATE developer_authentication
     SET sealed_keys = '{"signing_secret":"v1.AAAA","signing_secret_previous":"v1.AAAA"}'`,
  );
  room.configuration = await room.restart();
  expect(room.configuration.unreadableSecrets()).toEqual([
    { developerAuthenticationId: 1, name: 'Partner', keys: ['signing_secret'] },
  ]);
  await change({ signing_secret: SECOND }, 0);
  expect(await believed()).toEqual(['SECOND']);
});
