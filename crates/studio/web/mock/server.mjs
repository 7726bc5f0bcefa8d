// A stand-in for `catena serve` while working on the studio: canned answers, no model.
//   npm run build && npm run mock        the built studio on http://127.0.0.1:8790
//   npm run mock & npm run dev           the same behind Vite's development server
// Questions that contain `overloaded`, `too long`, `break off`, `no source` or `slow` get that.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { answerTo, sample } from './answers.mjs'
import { sets } from './data.mjs'
import { documents } from './documents.mjs'
import { report } from './report.mjs'
import { runs } from './runs.mjs'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const project = 'bank-support'
const models = [project, `${project}-model`, `${project}-embedder`]

const info = {
  project,
  models,
  language: null,
  version: '0.1.0',
  example_questions: [
    sample.question,
    'When is an authorization hold released?',
    'What does a transfer to another bank cost?',
    '信用卡丢了怎么办？',
  ],
}

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

// The same policy as the Rust routes, so that what breaks there breaks here.
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'"

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

async function page(response, path) {
  const wanted = normalize(join(dist, path))
  const file = wanted.startsWith(dist) && extname(wanted) !== '' ? wanted : join(dist, 'index.html')
  try {
    const bytes = await readFile(file)
    response
      .writeHead(200, { 'content-type': types[extname(file)], 'content-security-policy': policy })
      .end(bytes)
  } catch {
    response.writeHead(404).end('not found')
  }
}

async function body(request) {
  let text = ''
  for await (const piece of request) text += piece
  return JSON.parse(text)
}

async function chat(request, response) {
  const { messages } = await body(request)
  const question = messages.at(-1).content
  if (/overloaded/i.test(question)) {
    const message = '16 requests are waiting, the limit is 16'
    return json(response, 429, { error: { message, type: 'overloaded_error', code: 'queue_full' } })
  }
  if (/too long/i.test(question)) {
    const message = 'the prompt has 9120 tokens, the model takes 8192'
    const error = { message, type: 'invalid_request_error', code: 'context_length_exceeded' }
    return json(response, 400, { error })
  }
  return await stream(question, response)
}

async function stream(question, response) {
  const { text, passages, citations } = answerTo(question)
  const cited = !/no source/i.test(question)
  let gone = false
  response.on('close', () => (gone = true))
  const send = (delta, reason = null) =>
    response.write(
      `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`,
    )
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  send({ role: 'assistant', passages })
  await sleep(300)
  const words = (cited ? text : text.replace(/ ?\[\d+\]/g, '')).match(/\s*\S{1,4}/g)
  for (const [index, word] of words.entries()) {
    if (gone) return
    if (index > 12 && /break off/i.test(question)) return response.destroy()
    send({ content: word })
    await sleep(/slow/i.test(question) ? 120 : 12)
  }
  send({ citations: cited ? citations : [] }, 'stop')
  response.end('data: [DONE]\n\n')
}

async function answer(request, response) {
  const path = decodeURIComponent(new URL(request.url, 'http://mock').pathname)
  if (request.method === 'POST' && path === '/v1/chat/completions') {
    return await chat(request, response)
  }
  if (path === '/v1/models') {
    return json(response, 200, { object: 'list', data: models.map((id) => ({ id, object: 'model' })) })
  }
  if (path === '/api/studio/info') return json(response, 200, info)
  if (path === '/api/studio/report') return json(response, 200, report)
  if (path === '/api/studio/data') return json(response, 200, sets)
  if (path === '/api/studio/runs') return json(response, 200, runs())
  const prefix = '/api/studio/documents/'
  if (path.startsWith(prefix)) {
    const found = documents.find(({ id }) => id === path.slice(prefix.length))
    return json(response, found ? 200 : 404, found ?? { title: 'Document not found', status: 404 })
  }
  return await page(response, path)
}

/** Starts the stand-in; port 0 takes any free one. */
export async function startMock(port) {
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      console.error(error)
      response.destroy()
    })
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock(Number(process.env.PORT ?? 8790))
  console.log(`stand-in server: ${url}`)
}
