import type { ServerResponse } from 'node:http';
import { partner, type Partner } from './peers.ts';

/** What a token endpoint was asked. */
interface TokenRequest {
  authorization: string | undefined;
  form: Record<string, string>;
}

/** A token endpoint (RFC 6749, 4.4) with tokens of its own: `opaque-token-1` and so on. */
export interface OauthServer {
  url: string;
  peer: Partner;
  requests: () => TokenRequest[];
  /** How many tokens were asked for. */
  asked: () => number;
  /** Answers requests that are held back. */
  release: () => void;
}

/**
 * @param options `expiresIn`: seconds that its tokens live; `answer`: instead of a token, by the
 *   number of the request from 1 on, null for a token; `hold`: every answer waits for `release`
 */
export async function oauthServer(
  options: {
    expiresIn?: number;
    answer?: (request: number, response: ServerResponse) => boolean;
    hold?: boolean;
  } = {},
): Promise<OauthServer> {
  const held: (() => void)[] = [];
  let asked = 0;
  const peer = await partner((response) => {
    const number = ++asked;
    const answer = () => {
      if (options.answer?.(number, response)) return;
      const token = { access_token: `opaque-token-${number}`, token_type: 'Bearer' };
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ ...token, expires_in: options.expiresIn ?? 60 }));
    };
    if (options.hold) held.push(answer);
    else answer();
  });
  return {
    url: `${peer.origin}/oauth/token`,
    peer,
    requests: () =>
      peer.received.map(({ headers, body }) => ({
        authorization: headers.authorization,
        form: Object.fromEntries(new URLSearchParams(body)),
      })),
    asked: () => asked,
    release: () => held.splice(0).forEach((answer) => answer()),
  };
}
