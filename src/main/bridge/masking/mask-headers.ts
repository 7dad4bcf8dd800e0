import { MASK } from '../../engine/dispatch/masking.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';

const DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const NUMBER = /^\d{1,15}$/;
const PRODUCT = /^(LabRelay|[a-z][a-z0-9._-]{0,30})(\/[\d.]{1,20})?$/;
const TOKENS = /^[a-z0-9*;=., _-]{1,100}$/;

/**
 * Header fields of which the protocol itself says what they hold, each with the shape that a
 * harmless value has. A partner is free to put a name into any other, or into one of these.
 */
const HARMLESS = new Map<string, RegExp>([
  ['accept', /^[a-z*]+\/[a-z*+.-]+$/],
  ['accept-encoding', TOKENS],
  ['age', NUMBER],
  ['allow', /^[A-Z, ]{1,80}$/],
  ['authorization', /^((Basic|Bearer|Digest) )?••••$/],
  ['cache-control', TOKENS],
  ['connection', TOKENS],
  ['content-encoding', TOKENS],
  ['content-length', NUMBER],
  ['content-type', /^[a-z]+\/[a-z0-9+.-]+(; ?charset=[a-z0-9-]+)?$/i],
  ['date', DATE],
  ['expires', DATE],
  ['host', /^[A-Za-z0-9.:[\]_-]{1,100}$/],
  ['keep-alive', TOKENS],
  ['last-modified', DATE],
  ['retry-after', NUMBER],
  ['server', PRODUCT],
  ['transfer-encoding', TOKENS],
  ['user-agent', PRODUCT],
  ['vary', TOKENS],
  ['webhook-id', /^[0-9a-f-]{36}(_r\d{1,9})?$/],
  ['webhook-signature', /^v1,[A-Za-z0-9+/=]{10,100}( v1,[A-Za-z0-9+/=]{10,100})?$/],
  ['webhook-timestamp', NUMBER],
]);

/** Header names as programs write them; others may be data. A name of this shape stays readable. */
const NAME = /^[A-Za-z][A-Za-z-]{0,63}$/;

/** Header fields for those who may not read what a partner or a lab has put into them. */
export function maskHeaderFields(fields: HeaderRecord | null): HeaderRecord | null {
  if (fields === null) return null;
  const masked: HeaderRecord = {};
  let hidden = 0;
  for (const [name, value] of Object.entries(fields)) {
    const isHarmless = HARMLESS.get(name.toLowerCase())?.test(value) === true;
    masked[NAME.test(name) ? name : `${MASK}${++hidden}`] = isHarmless ? value : MASK;
  }
  return masked;
}
