import { createHash } from 'node:crypto';
import type { DeveloperAuthentication } from '../../../shared/model/configuration.ts';
import type { HeaderRecord } from '../../../shared/model/delivery.ts';
import type { JsonValue } from '../../../shared/model/json.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { NotSendable } from './not-sendable.ts';
import { TokenKeeper } from './tokens.ts';
import type { ClientCertificate, Transport } from './transport.ts';

/** What proves to a partner who calls. */
export interface Credentials {
  headers: HeaderRecord;
  /** Headers, in lower case, whose values are masked before they are stored. */
  secretHeaders: readonly string[];
  clientCertificate: ClientCertificate | null;
  /**
   * Gets others after the partner's 401; null where none are to be had. Null itself: credentials of
   * this kind are what somebody has typed, and cannot be renewed.
   */
  renew: (() => Promise<Credentials | null>) | null;
}

/** Secret values by the name of their key. */
type Secrets = Record<string, string>;

/** The credentials of a rule without an authentication. */
export const ANONYMOUS: Credentials = {
  headers: {},
  secretHeaders: [],
  clientCertificate: null,
  renew: null,
};

/**
 * Makes the credentials of a developer authentication, for whoever calls a partner: deliveries,
 * connection tests, domain sources. Always from the row that is given, so a caller that asks when
 * its call starts has the newest. Nothing of it is kept longer than the row itself.
 */
export class CredentialSource {
  readonly #configuration: Pick<ConfigurationLookup, 'openSecrets'>;
  readonly #tokens: TokenKeeper;
  /** By row: a changed authentication is another row. */
  readonly #certificates = new WeakMap<DeveloperAuthentication, ClientCertificate>();

  /**
   * @param parts `clock`: epoch ms; `transport` carries requests for tokens, which may take
   *   `tokenTimeoutMs`
   */
  constructor(parts: {
    configuration: Pick<ConfigurationLookup, 'openSecrets'>;
    transport: Transport;
    clock: () => number;
    tokenTimeoutMs?: number;
  }) {
    this.#configuration = parts.configuration;
    this.#tokens = new TokenKeeper(parts);
  }

  /**
   * @param open opens the row's secrets, where the caller has done so already
   * @returns at once what is at hand; a promise only where a token must be fetched first
   * @throws NotSendable (also as the promise's) where there are none to be had, with what to mend
   */
  of(
    authentication: DeveloperAuthentication,
    open: () => Secrets = () => this.secretsOf(authentication),
  ): Credentials | Promise<Credentials> {
    const { kind, name, publicKeys } = authentication;
    const secret = (key: string): string => {
      const value = open()[key];
      if (value) return value;
      throw new NotSendable(
        `The developer authentication "${name}" has no ${key}. Enter it again.`,
      );
    };
    switch (kind) {
      case 'none':
        return ANONYMOUS;
      case 'basic': {
        const user = textOf(publicKeys['username'], '');
        // RFC 7617: user-id and password joined by a colon, in base64.
        const pair = Buffer.from(`${user}:${secret('password')}`).toString('base64');
        return header('authorization', `Basic ${pair}`);
      }
      case 'bearer':
        return header('authorization', `Bearer ${secret('token')}`);
      case 'api_key':
        return header(textOf(publicKeys['header'], 'x-api-key').toLowerCase(), secret('value'));
      case 'oauth2': {
        const token = this.#tokens.token(authentication, () => secret('client_secret'));
        return typeof token === 'string'
          ? this.#withToken(authentication, token)
          : token.then((fetched) => this.#withToken(authentication, fetched));
      }
      case 'mtls':
        return {
          ...ANONYMOUS,
          clientCertificate: this.#certificateOf(authentication, secret, open),
        };
    }
  }

  /** A token that was asked for just now, whatever is kept; for tests of a connection. */
  async fresh(authentication: DeveloperAuthentication): Promise<Credentials> {
    if (authentication.kind !== 'oauth2') return await this.of(authentication);
    const secret = this.secretsOf(authentication)['client_secret'] ?? '';
    return this.#withToken(authentication, await this.#tokens.fresh(authentication, () => secret));
  }

  /** @throws NotSendable if they do not open; no part of a secret is in its message */
  secretsOf(authentication: DeveloperAuthentication): Secrets {
    try {
      return this.#configuration.openSecrets(authentication);
    } catch {
      // Whatever the vault says, no part of a secret may reach a log.
      throw new NotSendable(
        `The secrets of the developer authentication "${authentication.name}" cannot be opened with the present key file. Enter them again.`,
      );
    }
  }

  #withToken(authentication: DeveloperAuthentication, token: string): Credentials {
    return {
      ...header('authorization', `Bearer ${token}`),
      renew: async () => {
        const secret = () => this.secretsOf(authentication)['client_secret'] ?? '';
        const renewed = await this.#tokens.instead(authentication, token, secret);
        return renewed === null ? null : this.#withToken(authentication, renewed);
      },
    };
  }

  #certificateOf(
    authentication: DeveloperAuthentication,
    secret: (key: string) => string,
    open: () => Secrets,
  ): ClientCertificate {
    let made = this.#certificates.get(authentication);
    if (!made) {
      const certificate = textOf(authentication.publicKeys['certificate'], '');
      const privateKey = secret('private_key');
      const id = createHash('sha256').update(certificate).update(privateKey).digest('base64');
      made = { id, certificate, privateKey, passphrase: open()['passphrase'] ?? null };
      this.#certificates.set(authentication, made);
    }
    return made;
  }
}

function header(name: string, value: string): Credentials {
  return { ...ANONYMOUS, headers: { [name]: value }, secretHeaders: [name] };
}

function textOf(value: JsonValue | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
