import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { openSealedKey, sealKey } from '../../../src/main/engine/configuration/key-passphrase.ts';

const PASSPHRASE = 'correct horse battery';

test('a key sealed under a passphrase opens with that one alone, and is not in the sealed text', async () => {
  const key = randomBytes(32);
  const sealed = JSON.stringify(await sealKey(key, PASSPHRASE));
  expect(sealed).not.toContain(key.toString('base64'));
  expect(await openSealedKey(sealed, PASSPHRASE)).toEqual(key);
  expect(await openSealedKey(sealed, 'Correct horse battery')).toBeNull();
});

test('a passphrase is the same however its letters are composed', async () => {
  const key = randomBytes(32);
  const sealed = JSON.stringify(await sealKey(key, 'Zür\u0069ch über alles'.normalize('NFC')));
  expect(await openSealedKey(sealed, 'Zürich über alles'.normalize('NFD'))).toEqual(key);
});

test('a sealed key that was changed, or asks for too much work, does not open', async () => {
  const sealed = await sealKey(randomBytes(32), PASSPHRASE);
  const open = (change: object) =>
    openSealedKey(JSON.stringify({ ...sealed, ...change }), PASSPHRASE);
  const other = await sealKey(randomBytes(32), PASSPHRASE);
  expect(await open({ sealed: other.sealed })).toBeNull();
  expect(await open({ salt: other.salt })).toBeNull();
  expect(await open({ tag: 'AAAA' })).toBeNull();
  expect(await open({ n: 2 ** 30 })).toBeNull();
  expect(await openSealedKey('no json', PASSPHRASE)).toBeNull();
});
