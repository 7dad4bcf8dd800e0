import { BlockList } from 'node:net';
import { carriedIpv4, type PlainAddress } from './addresses.ts';

/** Kinds of address that no partner has, whoever configures them. */
export type RefusedKind = 'metadata' | 'link-local' | 'multicast' | 'broadcast' | 'unspecified';

/**
 * Where clouds answer every program on a machine with that machine's own credentials: AWS, Google,
 * Azure and most others share the first; then AWS (containers), Azure, Alibaba, Oracle, Tencent,
 * Scaleway, and the same over IPv6.
 */
const METADATA = listOf(
  '169.254.169.254/32',
  '169.254.170.2/32',
  '169.254.170.23/32',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '169.254.0.23/32',
  '169.254.42.42/32',
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  'fd00:c1::a9fe:a9fe/128',
  'fd00:42::42/128',
  'fe80::a9fe:a9fe/128',
);
const LINK_LOCAL = listOf('169.254.0.0/16', 'fe80::/10');
const MULTICAST = listOf('224.0.0.0/4', 'ff00::/8');
const BROADCAST = listOf('255.255.255.255/32');
/** Systems take it for "this machine" (RFC 1122, 3.2.1.3). */
const UNSPECIFIED = listOf('0.0.0.0/8', '::/128');
const LOOPBACK = listOf('127.0.0.0/8', '::1/128');

/** A list of ranges, each as `address/bits`. */
export function listOf(...ranges: string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

export function isIn(list: BlockList, { family, text }: PlainAddress): boolean {
  return list.check(text, family);
}

/** The address itself, and those that it leads to further on. */
export function readingsOf(address: PlainAddress): PlainAddress[] {
  return [address, ...carriedIpv4(address).map((text): PlainAddress => ({ family: 'ipv4', text }))];
}

/** The refused kind that an address is of, whatever form it takes; null: none. */
export function refusedKind(address: PlainAddress): RefusedKind | null {
  const all = readingsOf(address);
  const among = (list: BlockList) => all.some((one) => isIn(list, one));
  // Metadata first: an allow-list may open a link-local address, but never one of these.
  if (among(METADATA)) return 'metadata';
  if (among(LINK_LOCAL)) return 'link-local';
  if (among(MULTICAST)) return 'multicast';
  if (among(BROADCAST)) return 'broadcast';
  if (among(UNSPECIFIED)) return 'unspecified';
  return null;
}

export function isLoopbackAddress(address: PlainAddress): boolean {
  return isIn(LOOPBACK, address);
}

/** Whether a range holds link-local addresses and no others. */
export function isLinkLocalRange(address: PlainAddress, bits: number): boolean {
  return isIn(LINK_LOCAL, address) && bits >= (address.family === 'ipv4' ? 16 : 10);
}
