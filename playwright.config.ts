import { defineConfig } from '@playwright/test';

// Every engine makes a spill journal; of full size they would fill the disk.
process.env['LABRELAY_SPILL_MIB'] = '1';

/** The console in a real browser against a real engine; each test starts what it needs. */
export default defineConfig({
  testDir: 'test/e2e',
  forbidOnly: Boolean(process.env['CI']),
  workers: 2,
  fullyParallel: true,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  use: {
    launchOptions: {
      // The system's browser: Playwright's own would be one more download.
      executablePath: process.env['LABRELAY_CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox'],
    },
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    screenshot: 'only-on-failure',
  },
});
