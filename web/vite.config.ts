import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const server = process.env.GLADIUS_URL ?? 'http://127.0.0.1:8642';

// Relative URLs everywhere: the server may live under a base path, which <base href> names at run time.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    outDir: fileURLToPath(new URL('../src/gladius/server/assets', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: {
      '/api': { target: server, ws: true, headers: { origin: server } },
      '/login': { target: server, headers: { origin: server } },
    },
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts'],
    restoreMocks: true,
  },
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
});
