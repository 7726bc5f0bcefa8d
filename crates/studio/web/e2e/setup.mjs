// The browser and the server that the end-to-end checks share.
import { env } from 'node:process'
import { chromium } from 'playwright-core'
import { startMock } from '../mock/server.mjs'

/** $STUDIO_URL, or the stand-in server when that is not set. */
export async function openServer() {
  const url = env.STUDIO_URL
  if (url === undefined || url === '') return await startMock(0)
  return { url: url.replace(/\/+$/, ''), close: () => undefined }
}

/** Chromium as Debian installs it; $CHROMIUM names another one. */
export function openBrowser() {
  return chromium.launch({
    executablePath: env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
