import { isIP } from 'node:net';

/** An address in one spelling: no brackets, no zone, IPv4 also where it came mapped into IPv6. */
export interface PlainAddress {
  family: 'ipv4' | 'ipv6';
  text: string;
}

const MAPPED = '00000000000000000000ffff';

/**
 * Reads an address as a resolver or a URL gives it. Decimal, octal and hexadecimal spellings never
 * come here: URL parser and resolver turn them into the usual one first.
 *
 * @returns null for what is no address (a host name)
 */
export function plainAddress(text: string): PlainAddress | null {
  const bare = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  switch (isIP(bare)) {
    case 4:
      return { family: 'ipv4', text: bare };
    case 6: {
      const hex = hexOf(bare);
      return hex.startsWith(MAPPED)
        ? { family: 'ipv4', text: ipv4At(hex, 24) }
        : { family: 'ipv6', text: written(bare) };
    }
    default:
      return null;
  }
}

/**
 * The IPv4 addresses that an IPv6 address carries for a router or tunnel on the way, which would
 * bring a connection there after all: compatible (RFC 4291), translated (RFC 2765), NAT64 (RFC 6052,
 * and 8215, in every reading, since where its prefix ends cannot be told from outside), 6to4 (RFC 3056), Teredo (RFC 4380)
 * and ISATAP (RFC 5214).
 */
export function carriedIpv4({ family, text }: PlainAddress): string[] {
  if (family === 'ipv4') return [];
  const hex = hexOf(text);
  const found: string[] = [];
  if (/^0{24}/.test(hex) && !/^0{28}/.test(hex)) found.push(ipv4At(hex, 24));
  if (hex.startsWith('0000000000000000ffff0000')) found.push(ipv4At(hex, 24));
  if (hex.startsWith('0064ff9b0000')) found.push(ipv4At(hex, 24));
  if (hex.startsWith('0064ff9b0001')) {
    // RFC 6052, 2.2: bits 64 to 71 stay free, whatever the length of the prefix.
    const halves = [hex.slice(12, 16) + hex.slice(18, 22), hex.slice(14, 16) + hex.slice(18, 24)];
    const readings = [...halves, hex.slice(18, 26), hex.slice(24)].map((one) => ipv4At(one, 0));
    found.push(...readings.filter((one) => !one.startsWith('0.')));
  }
  if (hex.startsWith('2002')) found.push(ipv4At(hex, 4));
  if (hex.startsWith('20010000')) {
    found.push(ipv4At(hex, 8));
    // The client's address lies there with all its bits turned over.
    const turned = (Number.parseInt(hex.slice(24), 16) ^ 0xffffffff) >>> 0;
    found.push(ipv4At(turned.toString(16).padStart(8, '0'), 0));
  }
  if (/^.{16}0[02]005efe/.test(hex)) found.push(ipv4At(hex, 24));
  return found;
}

/** The 32 hexadecimal digits of an IPv6 address. */
function hexOf(address: string): string {
  const [head = '', tail] = written(address).split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...middle, ...back].map((group) => group.padStart(4, '0')).join('');
}

/** The URL parser knows every spelling of an IPv6 address, a dotted end among them, and writes one. */
function written(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

function ipv4At(hex: string, at: number): string {
  return [0, 2, 4, 6]
    .map((offset) => Number.parseInt(hex.slice(at + offset, at + offset + 2), 16))
    .join('.');
}
