import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// The address of a running `catena up`, or of `npm run mock`, behind the development server.
const backend = process.env['STUDIO_BACKEND'] ?? 'http://127.0.0.1:8790'

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    // A data: address would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
  },
  server: { proxy: { '/api': backend, '/v1': backend } },
  test: { include: ['src/**/*.test.{ts,tsx}'], environment: 'node' },
})
