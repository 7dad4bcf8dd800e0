import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

export default defineConfig({
  main: {
    build: {
      rollupOptions: {
        input: {
          index: 'src/main/index.ts',
          cli: 'src/main/cli.ts',
          // Separate entries: these files are started as a worker thread or a child process.
          'store-worker': 'src/main/store/worker.ts',
          'mapping-child': 'src/main/engine/payload/mapping-child.ts',
        },
        // Chunks lie beside the entries, so that `new URL('./store-worker.js', import.meta.url)`
        // holds from every chunk.
        output: { chunkFileNames: '[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      externalizeDeps: false,
      rollupOptions: { output: { format: 'cjs', entryFileNames: '[name].cjs' } },
    },
  },
  renderer: {
    root: 'src/renderer',
    html: { cspNonce: '__CSP_NONCE__' },
    plugins: [react()],
    build: { minify: true },
  },
});
