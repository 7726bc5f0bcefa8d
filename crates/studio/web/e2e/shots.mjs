// Screenshots of every page in both languages, themes and widths, to look at.
//   node e2e/shots.mjs FOLDER      against $STUDIO_URL, or the stand-in server
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { argv } from 'node:process'
import { openBrowser, openServer } from './setup.mjs'

const folder = argv[2]
if (folder === undefined) throw new Error('usage: node e2e/shots.mjs FOLDER')
await mkdir(folder, { recursive: true })

const server = await openServer()
const browser = await openBrowser()
for (const language of ['en', 'zh']) {
  for (const theme of ['light', 'dark']) {
    for (const width of [1280, 390]) await shoot(language, theme, width)
  }
}
await browser.close()
server.close()

async function shoot(language, theme, width) {
  const viewport = { width, height: width === 390 ? 844 : 860 }
  const context = await browser.newContext({
    locale: language === 'zh' ? 'zh-CN' : 'en-US',
    colorScheme: theme,
    viewport,
    deviceScaleFactor: width === 390 ? 2 : 1,
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  const save = async (name) => {
    await page.waitForTimeout(700)
    await page.screenshot({ path: join(folder, `${name}-${language}-${theme}-${width}.png`) })
  }
  const showWhole = async () => {
    const height = await page.locator('.report').evaluate((report) => report.scrollHeight)
    await page.setViewportSize({ width, height: height + 60 })
  }
  await page.goto(`${server.url}/chat`)
  await page.getByRole('textbox').waitFor()
  await save('1-empty')
  await page.locator('.examples button').nth(language === 'zh' ? 3 : 0).click()
  await page.locator('.turn[data-status=done]').waitFor({ timeout: 120_000 })
  await save('2-answer')
  await page.locator('.turn .mark, .turn .source').first().click()
  await page.locator('.document-text').waitFor()
  await save('3-document')
  await page.keyboard.press('Escape')
  for (const question of ['Is it overloaded?', 'too long']) {
    await page.getByRole('textbox').fill(question)
    await page.keyboard.press('Enter')
    await page.locator('.turn[data-status]').last().waitFor()
    await page.waitForTimeout(300)
  }
  await save('4-failures')
  await page.goto(`${server.url}/training`)
  await page.locator('.run-figures, .no-report').first().waitFor()
  await save('6-training')
  await page.goto(`${server.url}/report`)
  await page.locator('.panel').first().waitFor()
  await page.locator('.stage-row').nth(1).click()
  await showWhole()
  await save('5-report')
  await page.setViewportSize(viewport)
  await page.goto(`${server.url}/data`)
  await page.locator('.panel, .no-report').first().waitFor()
  await save('7-data')
  const plan = page.locator('.plan summary')
  if ((await plan.count()) > 0) await plan.click()
  await showWhole()
  await save('8-data')
  await page.route('**/api/studio/data', (route) => route.fulfill({ json: [] }))
  await page.setViewportSize(viewport)
  await page.goto(`${server.url}/data`)
  await page.locator('.no-report').waitFor()
  await save('9-no-data')
  await context.close()
}
