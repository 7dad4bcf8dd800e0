import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { KeyVault } from '../../../src/main/engine/configuration/vault.ts';

const vault = new KeyVault(randomBytes(32));

test('what is sealed opens again, and is told by nothing in the sealed text', () => {
  const sealed = vault.seal('tökén-1234', 'a');
  expect(vault.open(sealed, 'a')).toBe('tökén-1234');
  expect(sealed).not.toContain('1234');
  expect(vault.seal('tökén-1234', 'a')).not.toBe(sealed);
});

test.each([
  ['for another purpose', (sealed: string) => vault.open(sealed, 'b')],
  ['with another key', (sealed: string) => new KeyVault(randomBytes(32)).open(sealed, 'a')],
  ['after a change', (sealed: string) => vault.open(`${sealed.slice(0, -2)}AA`, 'a')],
  ['cut short', (sealed: string) => vault.open(sealed.slice(0, 20), 'a')],
  ['without its format', (sealed: string) => vault.open(sealed.slice(3), 'a')],
])('it does not open %s, and the error says what to mend', (_, attempt) => {
  const sealed = vault.seal('a secret that ends in B', 'a');
  expect(() => attempt(sealed)).toThrow(/restore the secret\.key/);
});
