import { bridgeClient } from './bridge-client.ts';
import type { Client } from './client.ts';
import { httpClient } from './http-client.ts';

/** The client for where the console runs: over the desktop's bridge where there is one. */
export function createClient(): Client {
  return window.labrelay ? bridgeClient(window.labrelay) : httpClient();
}
