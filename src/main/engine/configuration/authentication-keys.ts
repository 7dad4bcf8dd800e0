import {
  headerNameFault,
  headerValueFault,
} from '../../../shared/contract/configuration/http-fields.ts';
import type { AuthenticationKind } from '../../../shared/model/configuration.ts';
import { certificateFault } from './syntax.ts';

/** Kept in clear. */
export const PUBLIC_KEYS = [
  'username',
  'header',
  'token_url',
  'client_id',
  'scope',
  'audience',
  'client_authentication',
  'ca',
  'certificate',
] as const;

/** Kept sealed. */
export const SECRET_KEYS = [
  'password',
  'token',
  'value',
  'client_secret',
  'private_key',
  'passphrase',
] as const;

export type PublicKey = (typeof PUBLIC_KEYS)[number];
export type SecretKey = (typeof SECRET_KEYS)[number];
type Key = PublicKey | SecretKey;

/** The keys of each kind, beside those for signing, which any kind may carry. */
const KEYS_OF_KIND: Record<
  AuthenticationKind,
  { needed: readonly Key[]; optional: readonly Key[] }
> = {
  none: { needed: [], optional: [] },
  basic: { needed: ['username', 'password'], optional: [] },
  bearer: { needed: ['token'], optional: [] },
  api_key: { needed: ['header', 'value'], optional: [] },
  oauth2: {
    needed: ['token_url', 'client_id', 'client_secret'],
    optional: ['scope', 'audience', 'client_authentication', 'ca'],
  },
  mtls: { needed: ['certificate', 'private_key'], optional: ['passphrase'] },
};

/** What a key is to a kind; null: it does not go with it. */
export function partOf(kind: AuthenticationKind, key: Key): 'needed' | 'optional' | null {
  const { needed, optional } = KEYS_OF_KIND[kind];
  if (needed.includes(key)) return 'needed';
  return optional.includes(key) ? 'optional' : null;
}

/** Why a value cannot be this key's, with the cure; null: it can. No reason repeats a secret. */
export function keyFault(key: Key, value: string): string | null {
  switch (key) {
    case 'username':
      // RFC 7617, 2: the first colon ends the user name.
      return /[:\p{Cc}]/u.test(value) ? 'must not hold a colon or control characters' : null;
    case 'password':
    case 'client_secret':
    case 'audience':
      return /\p{Cc}/u.test(value) ? 'must not hold control characters' : null;
    case 'token':
      return /^[\x21-\x7e]+$/.test(value)
        ? null
        : 'must be visible ASCII characters without spaces';
    case 'header':
      return headerNameFault(value);
    case 'value':
      return value.trim() === value
        ? headerValueFault(value)
        : 'must not begin or end with a space';
    case 'client_id':
      // RFC 6749, appendix A.1.
      return /^[\x20-\x7e]+$/.test(value) ? null : 'must be visible ASCII characters and spaces';
    case 'scope':
      // RFC 6749, 3.3.
      return /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(value)
        ? null
        : 'must be words of visible ASCII characters, one space between them, without quotes and backslashes';
    case 'ca':
    case 'certificate':
      return certificateFault(value);
    // The contract checks the form of these; whether key and certificate fit is asked of them together.
    case 'token_url':
    case 'client_authentication':
    case 'private_key':
    case 'passphrase':
      return null;
  }
}
