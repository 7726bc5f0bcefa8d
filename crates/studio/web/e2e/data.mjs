// The page of cleaned data sets. A project need not have one; the page then says how to make it.
import assert from 'node:assert/strict'

export async function openData(page, sets) {
  await page.getByRole('link', { name: 'Data' }).click()
  assert.equal(new URL(page.url()).pathname, '/data')
  const [set] = sets
  if (set === undefined) {
    await page.getByRole('heading', { level: 1, name: 'No data set yet' }).waitFor()
    return
  }
  await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor()
  const names = [
    'Why documents were dropped',
    'Length of texts',
    'What was kept',
    'What was changed',
    'How it was made',
  ]
  for (const name of names) {
    await page.getByRole('heading', { level: 2, name, exact: true }).waitFor()
  }
  if (set.audit !== undefined) {
    await page.getByRole('heading', { level: 2, name: 'Personal data', exact: true }).waitFor()
    const values = await page.locator('.audit b').allInnerTexts()
    assert.equal(values.length, set.audit.samples.length)
    for (const { value } of set.audit.samples) {
      assert.ok(values.includes(value), `${value} is not among ${values}`)
    }
  }
  await page.locator('.chart svg').waitFor()
  const shown = await page.locator('.total-value').allInnerTexts()
  for (const count of [set.num_read, set.num_kept, set.num_inputs]) {
    assert.ok(shown.includes(count.toLocaleString('en')), `${count} is not among ${shown}`)
  }
  await page.getByText('Plan with all its defaults').click()
  assert.equal((await page.locator('.plan pre').innerText()).trim(), set.plan.trim())
}

/** Takes a stand-in with more than one set, on a page in Chinese. */
export async function chooseSet(page, url) {
  await page.goto(`${url}/data`)
  const sets = await (await page.request.get(`${url}/api/studio/data`)).json()
  const other = sets.at(-1)
  await page.getByRole('combobox', { name: '数据集' }).click()
  await page.locator('.ant-select-item', { hasText: other.name }).click()
  const read = page.locator('.total-value').first()
  await read.getByText(other.num_read.toLocaleString('zh-CN'), { exact: true }).waitFor()
}

/** Takes a page in Chinese. Leaves it in the chat. */
export async function seeNoSets(page, url) {
  await page.route('**/api/studio/data', (route) => route.fulfill({ json: [] }))
  await page.goto(`${url}/data`)
  await page.getByRole('heading', { level: 1, name: '还没有数据集' }).waitFor()
  await page.getByText('catena data clean docs --out clean').waitFor()
  await page.unroute('**/api/studio/data')
  await page.goto(`${url}/chat`)
}
