// The API's page of a running server: find an operation, read its schema, send a request, see the
// answer come, in both languages.
import assert from 'node:assert/strict'

export async function openDocs(page, url) {
  await page.setViewportSize({ width: 1280, height: 860 })
  await page.evaluate(() => localStorage.setItem('catena.language', 'en'))
  const response = await page.goto(`${url}/docs`)
  assert.match(response.headers()['content-security-policy'], /default-src 'none'/)
  await page.getByRole('heading', { level: 2, name: 'Anthropic' }).waitFor()
  await page.getByRole('searchbox').fill('chat/comp')
  assert.equal(await page.locator('nav a').count(), 1)
  await page.locator('nav a').click()
  await page.getByRole('heading', { level: 1, name: 'Answer a conversation' }).waitFor()
  await page.getByText('Schema', { exact: true }).click()
  await page.locator('.members .name').getByText('messages', { exact: true }).waitFor()
}

export async function tryRequest(page) {
  const editor = page.getByRole('textbox', { name: 'Request' })
  await page.waitForFunction(() => !document.querySelector('textarea').value.includes('"MODEL"'))
  const example = JSON.parse(await editor.inputValue())
  await editor.fill(JSON.stringify({ ...example, max_completion_tokens: 8 }))
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('.answer .status', { hasText: '200' }).waitFor({ timeout: 60_000 })
  await page
    .locator('.answer pre', { hasText: 'data: [DONE]' })
    .first()
    .waitFor({ timeout: 60_000 })
  await editor.fill('{"model": "none", "messages": []}')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('.answer .status', { hasText: '404' }).waitFor()
}

export async function readInChinese(page) {
  await page.getByRole('searchbox').fill('')
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByRole('heading', { level: 1, name: '回答一段对话' }).waitFor()
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN')
  const summaries = await page
    .locator('nav a')
    .evaluateAll((links) => links.map((link) => link.title))
  assert.deepEqual(
    summaries.filter((summary) => !/\p{Script=Han}/u.test(summary)),
    [],
    'a summary was not translated',
  )
}
