import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';
import { ServedEngine } from '../support/served-engine.ts';

/** A partner's system: a real HTTP server that keeps what it was sent. */
interface Partner {
  url: string;
  bodies: unknown[];
  /** How it answers from now on. */
  answer: { status: number; body: string };
}

/** A lab with one integration for generated bills, to the partner. */
interface Lab {
  engine: ServedEngine;
  partner: Partner;
  /** Posts a bill as the lab system would; answers the log_id of its delivery. */
  bill(billId: string): Promise<string>;
}

export const test = base.extend<{ partner: Partner; lab: Lab; strictPolicy: void }>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names from the pattern
  partner: async ({}, use) => {
    const partner: Partner = {
      url: '',
      bodies: [],
      answer: { status: 200, body: '{"taken":true}' },
    };
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        partner.bodies.push(JSON.parse(body));
        response.writeHead(partner.answer.status, { 'content-type': 'application/json' });
        response.end(partner.answer.body);
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    partner.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bills`;
    await use(partner);
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  },

  lab: async ({ partner }, use) => {
    const engine = await ServedEngine.start();
    try {
      await engine.call('addUpdateLab', { lab_id: 7, name: 'City lab', time_zone: 'Asia/Kolkata' });
      const authentication = await engine.call('addUpdateDeveloperAuthentication', {
        lab_id: 7,
        name: 'Partner',
        kind: 'none',
      });
      await engine.call('addUpdateWebhookIntegration', {
        lab_id: 7,
        action_category_list_id: 1,
        developer_authentication_id: authentication.developer_authentication_id,
        name: 'Bills to the partner',
        end_point: partner.url,
      });
      const { key } = await engine.call('createAccessKey', { kind: 'inbound', name: 'Lab system' });
      const bill = async (billId: string) => {
        const { log_ids } = await engine.post<{ log_ids: [string] }>(
          '/billing/',
          { lab_id: 7, bill: { bill_id: billId, patient: { patient_id: 'P-1', name: 'A. Rao' } } },
          key,
        );
        return log_ids[0];
      };
      await use({ engine, partner, bill });
    } finally {
      await engine.remove();
    }
  },

  /** Every test fails where the page broke its content security policy or threw. */
  strictPolicy: [
    async ({ page }, use) => {
      const broken: string[] = [];
      page.on('console', (message) => {
        if (/content security policy/i.test(message.text())) broken.push(message.text());
      });
      page.on('pageerror', (error) => broken.push(error.message));
      await use();
      expect(broken).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Opens the console and signs in, as the administrator unless another's key is given. */
export async function signIn(
  page: Page,
  engine: ServedEngine,
  key: string = engine.adminKey,
): Promise<void> {
  await page.goto(engine.url);
  await page.getByLabel('User key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Logs', exact: true })).toBeVisible();
}

/** Checks the page as it stands by WCAG 2.2 A and AA, in the light and the dark scheme. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
      .analyze();
    expect(violations, colorScheme).toEqual([]);
  }
}
