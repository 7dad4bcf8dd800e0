import { describe, expect, test } from 'vitest';
import { plainAddress } from '../../../src/main/engine/targets/addresses.ts';
import { allowedTargetFault, allowedTargets } from '../../../src/main/engine/targets/allowed.ts';

function has(entries: string[], host: string, address = host): boolean {
  const plain = plainAddress(address);
  if (!plain) throw new Error(`${address} is no address`);
  return allowedTargets(entries).has(host, plain);
}

describe('an allow-list', () => {
  test.each([
    ['192.168.7.5', '192.168.7.5', true],
    ['192.168.7.5', '::ffff:192.168.7.5', true],
    ['192.168.7.5', '192.168.7.6', false],
    ['10.2.0.0/16', '10.2.255.1', true],
    ['10.2.0.0/16', '10.3.0.1', false],
    ['0.0.0.0/0', '203.0.113.7', true],
    ['fd12::/16', 'fd12:ffff::1', true],
    ['fd12::/16', 'fd13::1', false],
    ['10.0.0.0/8', '64:ff9b::10.0.0.1', false],
  ])('of %s: %s is on it: %s', (entry, address, expected) => {
    expect(has([entry], address)).toBe(expected);
  });

  test('of names goes by what is configured, in any case, and not by what it resolves to', () => {
    expect(has(['Partner.Example'], 'partner.example.', '203.0.113.7')).toBe(true);
    expect(has(['partner.example'], 'sub.partner.example', '203.0.113.7')).toBe(false);
    expect(has(['partner.example'], 'other.example', '203.0.113.7')).toBe(false);
  });

  test('opens link-local addresses only by entries that are link-local themselves', () => {
    const opens = (entry: string, address: string) => {
      const plain = plainAddress(address);
      return plain !== null && allowedTargets([entry]).hasLinkLocal(plain);
    };
    expect(opens('169.254.7.5', '169.254.7.5')).toBe(true);
    expect(opens('169.254.0.0/16', '169.254.7.5')).toBe(true);
    expect(opens('fe80::/10', 'fe80::5')).toBe(true);
    expect(opens('169.0.0.0/8', '169.254.7.5')).toBe(false);
    expect(opens('0.0.0.0/0', '169.254.7.5')).toBe(false);
    expect(opens('::/0', 'fe80::5')).toBe(false);
  });
});

test.each([
  '10.2.0.0/16',
  '192.168.7.5',
  'fd12::/16',
  '::1',
  'partner.example',
  'mirth',
  '0.0.0.0/0',
  '169.254.7.5',
])('%s can be an entry', (entry) => {
  expect(allowedTargetFault(entry)).toBeNull();
});

test.each([
  ['10.2.0.0/33', /address, a range or a host name/],
  ['fd12::/129', /address, a range/],
  ['partner.example/24', /address, a range/],
  ['10.2.0', /address, a range/],
  ['010.2.0.1', /address, a range/],
  ['0x7f000001', /address, a range/],
  ['https://partner.example', /address, a range/],
  ['*.partner.example', /address, a range/],
  ['fe80::1%eth0', /address, a range/],
  ['::ffff:10.0.0.0/104', /address, a range/],
  ['', /address, a range/],
  ['169.254.169.254', /metadata address, which LabRelay never connects to; remove it/],
  ['::ffff:169.254.169.254', /metadata/],
  ['224.0.0.1', /multicast/],
  ['0.0.0.0', /unspecified/],
])('%s cannot', (entry, reason) => {
  expect(allowedTargetFault(entry)).toMatch(reason);
});
