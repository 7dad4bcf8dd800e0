import { BlockList } from 'node:net';
import type { IntegrationSettings } from '../../../shared/model/configuration.ts';
import { type PlainAddress, plainAddress } from './addresses.ts';
import { isIn, isLinkLocalRange, refusedKind } from './kinds.ts';

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** The targets that a rule is limited to (`integrationExtraDetails.allowed_targets`), read. */
export interface AllowedTargets {
  /** Whether a connection may be made to this address, which a host of this name resolved to. */
  has: (host: string, address: PlainAddress) => boolean;
  /** Whether it is a link-local address that was named on purpose, not by a wider range. */
  hasLinkLocal: (address: PlainAddress) => boolean;
}

type Entry = { name: string } | { address: PlainAddress; bits: number };

/** A rule's allow-list as it is stored; null where it has none. */
export function allowedTargetsOf({
  integrationExtraDetails,
}: Pick<IntegrationSettings, 'integrationExtraDetails'>): string[] | null {
  const given = integrationExtraDetails['allowed_targets'];
  return Array.isArray(given) ? given.map(String) : null;
}

/** Why an entry cannot stand in the list, with the cure; null: it can. */
export function allowedTargetFault(text: string): string | null {
  const entry = entryOf(text);
  if (entry === null) {
    return 'must be an address, a range or a host name, e.g. 192.168.7.5, 10.2.0.0/16 or partner.example';
  }
  if ('name' in entry) return null;
  const kind = entry.bits === widthOf(entry.address) ? refusedKind(entry.address) : null;
  return kind === null || kind === 'link-local'
    ? null
    : `is a ${kind} address, which LabRelay never connects to; remove it`;
}

/** Reads the entries; one that is none allows nothing. */
export function allowedTargets(texts: readonly string[]): AllowedTargets {
  const names = new Set<string>();
  const ranges = new BlockList();
  const linkLocal = new BlockList();
  for (const text of texts) {
    const entry = entryOf(text);
    if (entry === null) continue;
    if ('name' in entry) {
      names.add(entry.name);
      continue;
    }
    const { address, bits } = entry;
    ranges.addSubnet(address.text, bits, address.family);
    if (isLinkLocalRange(address, bits)) linkLocal.addSubnet(address.text, bits, address.family);
  }
  return {
    has: (host, address) => names.has(nameOf(host)) || isIn(ranges, address),
    hasLinkLocal: (address) => isIn(linkLocal, address),
  };
}

function entryOf(text: string): Entry | null {
  const [, start = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const address = start.includes('%') ? null : plainAddress(start);
  if (address === null) {
    const name = nameOf(start);
    // A name of digits alone would be an address in a spelling that people read differently.
    const isName = HOST_NAME.test(name) && !/(^|\.)(\d+|0x[\da-f]*)$/.test(name);
    return isName && length === undefined ? { name } : null;
  }
  const bits = length === undefined ? widthOf(address) : Number(length);
  // The bits of a mapped address would count from elsewhere.
  const isMapped = address.family === 'ipv4' && start.includes(':') && length !== undefined;
  return bits <= widthOf(address) && !isMapped ? { address, bits } : null;
}

function widthOf({ family }: PlainAddress): number {
  return family === 'ipv4' ? 32 : 128;
}

/** Names are compared without case and without the dot that makes them absolute. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/\.$/, '');
}
