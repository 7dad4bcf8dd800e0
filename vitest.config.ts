import { defineConfig } from 'vitest/config';

/** Every host makes a spill journal; of full size they would fill the disk. */
const env = { LABRELAY_SPILL_MIB: '1' };

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
          env,
          // Not threads: V8 may abort a process in which several of them give up compiled WebAssembly
          // (each loads undici's HTTP parser) at the same time, and takes the whole run with it.
          pool: 'forks',
          testTimeout: 20_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts', 'test/crash/**/*.test.ts'],
          setupFiles: ['test/support/properties.ts'],
          env,
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
