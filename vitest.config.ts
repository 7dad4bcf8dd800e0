import { defineConfig } from 'vitest/config';

/** Two groups: the quick tests first, then those that start processes or run under load. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'quick',
          include: ['test/**/*.test.ts'],
          exclude: ['test/crash/**', 'test/process/**', 'test/e2e/**'],
          setupFiles: ['test/support/properties.ts'],
          pool: 'threads',
          testTimeout: 20_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts', 'test/crash/**/*.test.ts'],
          setupFiles: ['test/support/properties.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
