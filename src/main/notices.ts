import { toIso } from '../shared/contract/common.ts';
import type { Settings } from '../shared/model/configuration.ts';
import type { SpillFigures } from '../shared/model/spill.ts';
import type { HostConfig } from './config.ts';
import type { UnreadableSecrets } from './engine/configuration/unreadable-secrets.ts';
import type { Audience, HealthCheck, HealthDocument } from './engine/health.ts';
import { storeRefused } from './engine/spill/notices.ts';

/** What is said of a server that was opened to the network without TLS, wherever it is said. */
export const INSECURE_NOTICE =
  'plain http on an address that other machines can reach: keys and patient data cross the network in clear; use --tls-cert and --tls-key';

/** Lasting, since nobody can see it from a page that looks as usual. */
export function networkNotices(config: Pick<HostConfig, 'isInsecure'>): HealthCheck[] {
  return config.isInsecure ? [{ name: 'network', ok: false, detail: INSECURE_NOTICE }] : [];
}

/** The delivery check while deliveries are paused; null: they are not. Health is open to anyone, so
 * who paused it and why stays with the settings. */
export function pausedCheck({ deliveryPaused }: Settings): HealthCheck | null {
  if (!deliveryPaused) return null;
  return {
    name: 'delivery',
    ok: false,
    detail: `paused since ${toIso(deliveryPaused.since)}: events are taken, nothing is sent; "labrelay resume" or setDeliveryPaused lets deliveries go on`,
  };
}

/**
 * Credentials that the present key does not open; none while all can be read. Who has a key is told
 * which ones.
 */
export function secretNotices(unreadable: UnreadableSecrets[], audience: Audience): HealthCheck[] {
  if (unreadable.length === 0) return [];
  const which =
    audience === 'people'
      ? `: ${unreadable.map(({ developerAuthenticationId: id, name }) => `${name} (${id})`).join(', ')}`
      : '';
  return [
    {
      name: 'secrets',
      ok: false,
      detail: `the key file does not open the secrets of ${unreadable.length} developer authentication(s)${which}; deliveries that need them fail. Put the old secret.key back, or enter them again (addUpdateDeveloperAuthentication); "labrelay doctor" lists each`,
    },
  ];
}

/** What the console shows above everything. It cannot be dismissed: it goes when its cause goes. */
export function bannersOf(
  config: Pick<HostConfig, 'isInsecure'>,
  settings: Settings,
  spill: SpillFigures,
): HealthDocument['banners'] {
  const banners: HealthDocument['banners'] = [];
  if (config.isInsecure) {
    banners.push({ kind: 'INSECURE_HTTP', text: `Not encrypted: ${INSECURE_NOTICE}.` });
  }
  const refused = storeRefused(spill);
  if (refused) banners.push({ kind: 'STORE_REFUSES', text: `The store ${refused.detail}.` });
  const paused = pausedCheck(settings);
  if (paused) banners.push({ kind: 'DELIVERY_PAUSED', text: `Deliveries are ${paused.detail}.` });
  return banners;
}
