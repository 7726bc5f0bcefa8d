import { afterEach, describe, expect, it, vi } from 'vitest'
import { pieceOf, streamAnswer, type AnswerPiece } from './chat'
import { assistantOf } from './client'
import { Failure } from './failure'

afterEach(() => vi.unstubAllGlobals())

function answerWith(body: string, init: ResponseInit = {}) {
  const fetch = vi.fn<(path: string, init: RequestInit) => Promise<Response>>(async () =>
    new Response(body, init),
  )
  vi.stubGlobal('fetch', fetch)
  return fetch
}

async function collect(signal = new AbortController().signal): Promise<AnswerPiece[]> {
  const pieces: AnswerPiece[] = []
  const question = [{ role: 'user' as const, content: 'hello' }]
  for await (const piece of streamAnswer('bank', question, signal)) pieces.push(piece)
  return pieces
}

const passage = { number: 1, document_id: 'd', title: 't', span: { start: 0, end: 1 }, text: 'x' }

describe('streamAnswer', () => {
  it('yields passages, text, then citations with the reason', async () => {
    const { text: quote, ...rest } = passage
    const citations = [{ ...rest, quote }]
    const deltas = [
      { delta: { role: 'assistant', passages: [passage] }, finish_reason: null },
      { delta: { content: 'See [1]' }, finish_reason: null },
      { delta: { citations }, finish_reason: 'stop' },
    ]
    const events = deltas.map((choice) => `data: ${JSON.stringify({ choices: [choice] })}\n\n`)
    const fetch = answerWith(`${events.join('')}data: [DONE]\n\n`)
    expect(await collect()).toEqual([
      { passages: [passage] },
      { text: 'See [1]' },
      { citations, finishReason: 'stop' },
    ])
    const sent = JSON.parse(String(fetch.mock.calls[0]?.[1].body))
    expect(sent).toMatchObject({ model: 'bank', stream: true, temperature: 0 })
  })

  it('fails when the stream ends early', async () => {
    answerWith('data: {"choices":[{"delta":{"content":"half"}}]}\n\n')
    await expect(collect()).rejects.toMatchObject({ kind: 'interrupted' })
  })

  it('fails with what the server says', async () => {
    answerWith('{"error":{"message":"full","code":"queue_full"}}', { status: 429 })
    await expect(collect()).rejects.toMatchObject({ kind: 'overloaded', detail: 'full' })
  })

  it('says that the server is gone', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('connection refused')))
    await expect(collect()).rejects.toMatchObject({ kind: 'unreachable' })
  })

  it('lets an abort pass as what it is', async () => {
    const abort = new AbortController()
    abort.abort()
    vi.stubGlobal('fetch', () => Promise.reject(abort.signal.reason))
    await expect(collect(abort.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('pieceOf', () => {
  it('throws the error that a stream carries', () => {
    const data = '{"error":{"message":"context","code":"context_length_exceeded"}}'
    expect(() => pieceOf(data)).toThrow(Failure)
  })
  it('refuses what is not JSON', () => expect(() => pieceOf('<html>')).toThrow(Failure))
  it('takes a chunk without choices as nothing', () =>
    expect(pieceOf('{"choices":[],"usage":{"total_tokens":3}}')).toEqual({}))
})

describe('assistantOf', () => {
  it('prefers the project', () =>
    expect(assistantOf(['bank-model', 'bank', 'bank-embedder'], 'bank')).toBe('bank'))
  it('else takes what is neither model nor embedder', () =>
    expect(assistantOf(['x-model', 'x', 'x-embedder'], undefined)).toBe('x'))
  it('else takes the first', () => expect(assistantOf(['a-model'], 'bank')).toBe('a-model'))
  it('knows when there is none', () => expect(assistantOf([], 'bank')).toBeUndefined())
})
