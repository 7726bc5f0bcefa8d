// The studio in a real browser: ask, read, open a citation, read the report, change the language.
//   npm run e2e                                   against the stand-in server (after a build)
//   STUDIO_URL=http://127.0.0.1:8080 npm run e2e  against a running `catena up`
// STUDIO_QUESTION replaces the question, CHROMIUM the browser, STUDIO_SHOTS names a folder for
// screenshots. Exit code 1 and a screenshot (`failed.png`) tell of a failure.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { env, exit } from 'node:process'
import { chooseSet, openData, seeNoSets } from './data.mjs'
import { openDocs, readInChinese, tryRequest } from './docs.mjs'
import { openBrowser, openServer } from './setup.mjs'

// A small model on two busy cores may take a while to read its passages.
const answerTimeout = 180_000

const server = await openServer()
const browser = await openBrowser()
const context = await browser.newContext({
  locale: 'en-US',
  colorScheme: 'light',
  viewport: { width: 1280, height: 860 },
})
const page = await context.newPage()
const complaints = []
page.on('console', (message) => {
  if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
})
page.on('pageerror', (error) => complaints.push(String(error)))
page.on('requestfailed', (request) => {
  // Chromium calls a streamed body that was read to its very end aborted, now and then
  // (microsoft/playwright#42742). What a lost answer looks like, the steps see in its turn.
  const reason = request.failure()?.errorText
  const streamed = request.url().endsWith('/v1/chat/completions')
  if (!(streamed && reason === 'net::ERR_ABORTED')) {
    complaints.push(`${request.url()} failed: ${reason}`)
  }
})

const steps = [
  ['opens the chat', openChat],
  ['asks a question and sees the answer being written', ask],
  ['opens a citation at its passage', openCitation],
  ['opens the data sets, or reads how to make one', openSets],
  ['opens the report', openReport],
  ['changes the language to Chinese and keeps it', changeLanguage],
  ['keeps the conversation, and starts a new one', newChat],
  ['opens the report by its address, and turns dark', reload],
  ['works at the width of a phone', narrow],
  ['speaks Chinese to a Chinese browser', openInChinese],
  ['heard no complaint from the browser', async () => assert.deepEqual(complaints, [])],
]

// Only the stand-in can be told to be slow, full or broken.
const troubles = [
  ['chooses another data set', () => chooseSet(page, server.url)],
  ['says how to make a data set', () => seeNoSets(page, server.url)],
  ['stops an answer with Escape', stopAnswer],
  ['says that the server is busy, and tries again', seeOverload],
  ['says that an answer was interrupted', seeInterruption],
  ['says that the server is gone', seeServerGone],
]
if (!env.STUDIO_URL) steps.push(...troubles)

// The stand-in has no other pages than the studio's.
const docs = [
  ["opens the API's page and an operation", () => openDocs(page, server.url)],
  ['tries a request there and sees its answer', () => tryRequest(page)],
  ["reads the API's page in Chinese", () => readInChinese(page)],
]
if (env.STUDIO_URL) steps.push(...docs)

let failed = false
for (const [name, step] of steps) {
  try {
    await step()
    console.log(`ok    ${name}`)
    if (env.STUDIO_SHOTS) await shoot(name.replace(/\W+/g, '-'))
  } catch (error) {
    failed = true
    console.error(`FAIL  ${name}\n${error instanceof Error ? error.stack : error}`)
    for (const complaint of complaints) console.error(`      browser: ${complaint}`)
    await shoot('failed')
    break
  }
}
await browser.close()
server.close()
exit(failed ? 1 : 0)

async function shoot(name) {
  await page.screenshot({ path: join(env.STUDIO_SHOTS ?? '.', `${name}.png`) })
}

async function getJson(path) {
  const response = await page.request.get(`${server.url}${path}`)
  assert.equal(response.status(), 200, path)
  return await response.json()
}

async function openChat() {
  const response = await page.goto(`${server.url}/`)
  assert.match(response.headers()['content-security-policy'], /script-src 'self'/)
  const { project } = await getJson('/api/studio/info')
  await page.getByRole('heading', { level: 1, name: `Ask ${project}` }).waitFor()
  assert.equal(await page.locator('html').getAttribute('lang'), 'en')
}

async function ask() {
  const question = env.STUDIO_QUESTION || (await knownQuestion())
  await page.evaluate(watchFirstText)
  await page.getByRole('textbox').fill(question)
  await page.keyboard.press('Enter')
  const turn = page.locator('.turn').first()
  await turn.getByText(question).waitFor()
  await page.locator('.turn[data-status=done]').waitFor({ timeout: answerTimeout })
  const late = (await turn.locator('.markdown').innerText()).length
  assert.ok(late > 0, 'the answer is empty')
  // It must be seen growing: some text before the end, more text at the end. A fast machine may
  // write a short answer between two pictures; the stand-in never does.
  const { early, took } = await page.evaluate(() => window.firstWritten)
  const atOnce = env.STUDIO_URL && took < 3000
  assert.ok(atOnce || early < late, `the answer did not grow: ${early} then ${late} characters`)
  assert.equal(await page.getByRole('textbox').inputValue(), '')
}

/**
 * Runs in the page: notes how long the answer's first visible text was before its end (`early`), and
 * how many milliseconds passed until the end (`took`). Looking from outside can miss the first.
 */
function watchFirstText() {
  const start = performance.now()
  window.firstWritten = { early: Infinity, took: Infinity }
  const observer = new MutationObserver(() => {
    const turn = document.querySelector('.turn')
    const length = turn?.querySelector('.markdown')?.innerText.length ?? 0
    const noted = window.firstWritten
    if (turn?.dataset.status === 'writing' && length > 0) noted.early = Math.min(noted.early, length)
    if (turn?.dataset.status === 'done') {
      noted.took = performance.now() - start
      observer.disconnect()
    }
  })
  const everything = { subtree: true, childList: true, characterData: true, attributes: true }
  observer.observe(document.body, everything)
}

/** A question whose answer is known to carry a citation, from the run's own report. */
async function knownQuestion() {
  const { answer } = await getJson('/api/studio/report')
  if (answer?.citations.length > 0) return answer.question
  const { example_questions: examples } = await getJson('/api/studio/info')
  assert.ok(examples.length > 0, 'no example question to ask; set STUDIO_QUESTION')
  return examples[0]
}

async function openCitation() {
  const mark = page.locator('.turn .mark').first()
  await mark.waitFor({ timeout: 5000 })
  const number = await mark.innerText()
  const source = page.getByRole('button', { name: new RegExp(`^Open source ${number}:`) }).first()
  await source.waitFor({ timeout: 5000 })
  await mark.click()
  const drawer = page.getByRole('dialog')
  const passage = drawer.locator('.document-text mark').first()
  await passage.waitFor()
  assert.ok((await passage.innerText()).trim().length > 0)
  // What is highlighted is what was quoted, as far as the card shows it.
  const quoted = letters(await source.locator('.source-text').textContent())
  const marked = letters((await drawer.locator('.document-text mark').allInnerTexts()).join(''))
  assert.equal(marked, quoted)
  await page.waitForTimeout(800)
  assert.ok(await inView(passage), 'the cited passage is not scrolled into view')
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'hidden' })
}

/** Letters and digits only: cards leave out Markdown's signs, the document draws them. */
function letters(text) {
  return text.replace(/[^\p{L}\p{N}]/gu, '')
}

async function inView(locator) {
  const box = await locator.boundingBox()
  const { height } = page.viewportSize()
  return box !== null && box.y >= 0 && box.y < height
}

async function openSets() {
  await openData(page, await getJson('/api/studio/data'))
}

async function openReport() {
  await page.getByRole('link', { name: 'Report' }).click()
  const report = await getJson('/api/studio/report')
  await page.getByRole('heading', { level: 1, name: report.project }).waitFor()
  const names = ['Stages', 'Training', 'Answers before and after', 'Retrieval', 'Data profile']
  for (const name of names) await page.getByRole('heading', { level: 2, name, exact: true }).waitFor()
  assert.equal(await page.locator('.stage').count(), report.stages.length)
  assert.equal(new URL(page.url()).pathname, '/report')
  const drawings = page.locator('.chart svg')
  await drawings.first().waitFor()
  assert.ok((await drawings.count()) >= 4, 'a chart is missing')
  const shown = report.after.answer_loss.toFixed(3)
  assert.ok((await page.locator('.total-value').allInnerTexts()).includes(shown), shown)
}

async function openInChinese() {
  const chinese = await browser.newContext({ locale: 'zh-CN' })
  const other = await chinese.newPage()
  await other.goto(`${server.url}/`)
  // The project's own language must not win over what the browser asks for.
  await other.waitForLoadState('networkidle')
  assert.equal(await other.locator('html').getAttribute('lang'), 'zh-CN')
  assert.match(await other.getByRole('heading', { level: 1 }).innerText(), /\p{Script=Han}/u)
  await chinese.close()
}

async function changeLanguage() {
  await page.getByRole('button', { name: '切换到中文' }).click()
  for (const name of ['各阶段', '训练', '检索', '数据概况']) {
    await page.getByRole('heading', { level: 2, name, exact: true }).waitFor()
  }
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN')
  const headings = await page.locator('h2').allInnerTexts()
  assert.deepEqual(
    headings.filter((text) => !/\p{Script=Han}/u.test(text)),
    [],
    'a heading was not translated',
  )
}

async function newChat() {
  await page.getByRole('link', { name: '对话' }).click()
  assert.equal(await page.locator('.turn').count(), 1)
  await page.getByRole('heading', { name: '来源' }).waitFor()
  await page.getByRole('button', { name: '新对话' }).click()
  await page.getByRole('heading', { level: 1, name: /提问/ }).waitFor()
  assert.equal(await page.locator('.turn').count(), 0)
}

async function reload() {
  await page.goto(`${server.url}/report`)
  await page.getByRole('heading', { level: 2, name: '各阶段' }).waitFor()
  await page.getByRole('button', { name: '切换到深色主题' }).click()
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
}

async function narrow() {
  await page.setViewportSize({ width: 390, height: 844 })
  for (const path of ['/data', '/report', '/chat']) {
    await page.goto(`${server.url}${path}`)
    await page.locator('h1').waitFor()
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    assert.ok(width <= 390, `${path} is ${width} pixels wide`)
  }
}

async function askNow(question) {
  await page.getByRole('textbox').fill(question)
  await page.keyboard.press('Enter')
}

async function stopAnswer() {
  await askNow('slow please')
  await page.locator('.turn[data-status=writing]').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('.turn[data-status=stopped]').getByText('已停止。').waitFor()
}

async function seeOverload() {
  await askNow('are you overloaded?')
  const turn = page.locator('.turn[data-status=failed]')
  await turn.getByText('服务器繁忙').waitFor()
  await turn.getByText('16 requests are waiting, the limit is 16').waitFor()
  const again = page.waitForResponse(/chat\/completions/)
  await turn.getByRole('button', { name: '重试' }).click()
  assert.equal((await again).status(), 429)
  assert.equal(await page.locator('.turn').count(), 2)
}

async function seeInterruption() {
  await askNow('break off')
  const turn = page.locator('.turn').nth(2)
  await turn.getByText('回答中断了').waitFor()
  assert.ok((await turn.locator('.markdown').innerText()).length > 10, 'what was written is kept')
}

async function seeServerGone() {
  await page.route('**/v1/**', (route) => route.abort('connectionrefused'))
  await askNow('anyone there?')
  await page.locator('.turn').nth(3).getByText('无法连接服务器').waitFor()
}
