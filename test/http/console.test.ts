import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Served, serve } from './serving.ts';

describe('the console', () => {
  let served: Served;
  beforeAll(async () => {
    // A built console in small: what electron-vite leaves in out/renderer.
    const consoleFolder = mkdtempSync(join(tmpdir(), 'labrelay-console-'));
    mkdirSync(join(consoleFolder, 'assets'));
    writeFileSync(
      join(consoleFolder, 'index.html'),
      '<meta property="csp-nonce" nonce="__CSP_NONCE__"><style nonce="__CSP_NONCE__"></style>',
    );
    writeFileSync(join(consoleFolder, 'assets', 'index-abc123.js'), 'export {};');
    served = await serve({ consoleFolder });
  });
  afterAll(() => served.server.close());

  it('is a page with a strict policy and a nonce of its own at each answer', async () => {
    const nonces = new Set<string>();
    for (let time = 0; time < 2; time++) {
      const response = await fetch(`${served.url}/`);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('cache-control')).toBe('no-store');
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'; script-src 'self'");
      expect(policy).not.toContain('unsafe');
      const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? '';
      expect(nonce.length).toBeGreaterThanOrEqual(20);
      nonces.add(nonce);
      const html = await response.text();
      expect(html).not.toContain('__CSP_NONCE__');
      expect(html.split(`nonce="${nonce}"`).length).toBe(3);
    }
    expect(nonces.size).toBe(2);
  });

  it('has its files cached for good, and only those that exist', async () => {
    const script = await fetch(`${served.url}/assets/index-abc123.js`);
    expect(script.status).toBe(200);
    expect(script.headers.get('content-type')).toContain('javascript');
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(script.headers.get('x-content-type-options')).toBe('nosniff');
    for (const path of ['/assets/other.js', '/assets/', '/assets/..%2findex.html', '/index.html']) {
      const missing = await fetch(served.url + path);
      expect(missing.status).toBe(404);
    }
  });
});

it('says how to build the console where it is not built', async () => {
  const served = await serve();
  try {
    const response = await fetch(`${served.url}/`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('npm run build');
  } finally {
    await served.server.close();
  }
});
