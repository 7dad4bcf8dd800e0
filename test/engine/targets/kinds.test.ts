import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plainAddress } from '../../../src/main/engine/targets/addresses.ts';
import { refusedKind } from '../../../src/main/engine/targets/kinds.ts';

/** The kind of an address as a URL's host: decimal, octal and hexadecimal spellings are the parser's. */
function kindOf(host: string): string {
  const { hostname } = new URL(`http://${host}/`);
  const address = plainAddress(hostname);
  if (!address) throw new Error(`${host} is no address`);
  return refusedKind(address) ?? 'allowed';
}

/** Every form in which an IPv4 address can travel inside an IPv6 one. */
const FORMS: [name: string, write: (high: string, low: string) => string][] = [
  ['mapped', (high, low) => `::ffff:${high}:${low}`],
  ['mapped, written out', (high, low) => `0:0:0:0:0:FFFF:${high}:${low}`],
  ['compatible', (high, low) => `::${high}:${low}`],
  ['translated', (high, low) => `::ffff:0:${high}:${low}`],
  ['NAT64', (high, low) => `64:ff9b::${high}:${low}`],
  ['local NAT64 /96', (high, low) => `64:ff9b:1::${high}:${low}`],
  [
    'local NAT64 /48',
    (high, low) => `64:ff9b:1:${high}:${pad(low).slice(0, 2)}:${pad(low).slice(2)}00::`,
  ],
  [
    'local NAT64 /64',
    (high, low) =>
      `64:ff9b:1:0:${pad(high).slice(0, 2)}:${pad(high).slice(2)}${pad(low).slice(0, 2)}:${pad(low).slice(2)}00:0`,
  ],
  ['6to4', (high, low) => `2002:${high}:${low}::1`],
  ['Teredo server', (high, low) => `2001:0:${high}:${low}:0:0:3fff:fffe`],
  ['Teredo client', (high, low) => `2001:0:cb00:7101:0:0:${turned(high)}:${turned(low)}`],
  ['ISATAP', (high, low) => `2001:db8::200:5efe:${high}:${low}`],
];

function pad(group: string): string {
  return group.padStart(4, '0');
}
function turned(group: string): string {
  return (Number.parseInt(group, 16) ^ 0xffff).toString(16);
}
function groups(ipv4: string): [high: string, low: string] {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number);
  return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
}

describe('kinds of address that no partner has', () => {
  test.each([
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['[fd00:ec2::254]', 'metadata'],
    ['[fd20:ce::254]', 'metadata'],
    ['[fe80::a9fe:a9fe]', 'metadata'],
    ['169.254.0.1', 'link-local'],
    ['169.254.255.255', 'link-local'],
    ['[fe80::1]', 'link-local'],
    ['[febf::1]', 'link-local'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['[ff02::1]', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['[::]', 'unspecified'],
  ])('%s is %s', (host, kind) => {
    expect(kindOf(host)).toBe(kind);
  });

  test.each([
    '2852039166',
    '0xA9FEA9FE',
    '0xa9.0xfe.0xa9.0xfe',
    '0251.0376.0251.0376',
    '0251.254.43518',
    '169.16689662',
    '169.254.169.254.',
    '%31%36%39.254.169.254',
    '１６９。２５４。１６９。２５４',
    '[::ffff:169.254.169.254]',
    '[0:0:0:0:0:ffff:a9fe:a9fe]',
    '[::169.254.169.254]',
    '[64:ff9b::169.254.169.254]',
    '[2002:a9fe:a9fe::]',
  ])('%s is the metadata address in another notation', (host) => {
    expect(kindOf(host)).toBe('metadata');
  });

  test.each([
    '127.0.0.1',
    '[::1]',
    '10.0.0.1',
    '172.16.5.5',
    '192.168.1.255',
    '100.64.0.1',
    '[fd12:3456::1]',
    '[fec0::1]',
    '203.0.113.7',
    '[2001:db8::1]',
    '[64:ff9b::10.0.0.1]',
    '[64:ff9b:1::10.0.0.1]',
    '[2002:a00:1::1]',
    '[::ffff:192.168.1.1]',
  ])('%s is none: labs are local networks', (host) => {
    expect(kindOf(host)).toBe('allowed');
  });

  test('an address is of the same kind in whatever form an IPv6 address carries it', () => {
    const refused = fc.oneof(
      fc.tuple(fc.constant(169), fc.constant(254), fc.nat(255), fc.nat(255)),
      fc.tuple(fc.integer({ min: 224, max: 239 }), fc.nat(255), fc.nat(255), fc.nat(255)),
      fc.constantFrom([100, 100, 100, 200], [255, 255, 255, 255], [168, 63, 129, 16]),
    );
    fc.assert(
      fc.property(refused, fc.constantFrom(...FORMS), (octets, [, write]) => {
        const ipv4 = octets.join('.');
        expect(kindOf(`[${write(...groups(ipv4))}]`)).toBe(kindOf(ipv4));
      }),
    );
  });

  test('no form makes a refused address of a private one', () => {
    // Where a local NAT64 prefix ends cannot be told from outside: in doubt it is refused.
    const certain = FORMS.filter(([name]) => !/local NAT64 .(48|64)/.test(name));
    const octet = fc.nat(255);
    const allowed = fc.tuple(
      fc.constantFrom(10, 127),
      octet,
      octet,
      fc.integer({ min: 1, max: 255 }),
    );
    fc.assert(
      fc.property(allowed, fc.constantFrom(...certain), (octets, [, write]) => {
        expect(kindOf(`[${write(...groups(octets.join('.')))}]`)).toBe('allowed');
      }),
    );
  });
});

test('what is no address is told apart', () => {
  for (const name of ['partner.example', '', '1.2.3', '::g', 'fe80']) {
    expect(plainAddress(name)).toBeNull();
  }
  expect(plainAddress('fe80::1%eth0')).toEqual({ family: 'ipv6', text: 'fe80::1' });
  expect(plainAddress('::FFFF:7F00:1')).toEqual({ family: 'ipv4', text: '127.0.0.1' });
});
