import { describe, expect, it } from 'vitest'
import type { AnswerPiece, ChatMessage, streamAnswer } from '../api/chat'
import { Failure } from '../api/failure'
import { Conversation } from './conversation'
import { sourceOf, sourcesOf } from './sources'

type Script = (messages: ChatMessage[], signal: AbortSignal) => AsyncGenerator<AnswerPiece>

function conversation(script: Script) {
  const stream: typeof streamAnswer = (_model, messages, signal) => script(messages, signal)
  return new Conversation(stream)
}

const span = { start: 0, end: 4 }
const passages = [1, 2].map((number) => ({
  number,
  document_id: `d${number}`,
  title: 't',
  span,
  text: 'text',
}))
const citations = [{ number: 1, document_id: 'd1', title: 't', span, quote: 'text' }]

describe('Conversation', () => {
  it('gathers an answer', async () => {
    const chat = conversation(async function* () {
      yield { passages }
      yield { text: 'So ' }
      yield { text: '[1]' }
      yield { citations, finishReason: 'stop' }
    })
    await chat.ask('m', 'why?')
    expect(chat.turns()).toMatchObject([
      { question: 'why?', answer: 'So [1]', passages, citations, status: 'done' },
    ])
    expect(chat.busy).toBe(false)
  })

  it('sends earlier turns without their marks, and not the failed ones', async () => {
    const sent: ChatMessage[][] = []
    const chat = conversation(async function* (messages) {
      sent.push(messages)
      if (messages.at(-1)?.content === 'b') throw new Failure('overloaded')
      yield { text: 'So [1].' }
    })
    for (const question of ['a', 'b', 'c']) await chat.ask('m', question)
    expect(sent[2]?.map((message) => message.content)).toEqual(['a', 'So.', 'c'])
  })

  it('keeps what was written when it is stopped', async () => {
    const chat = conversation(async function* (_messages, signal) {
      yield { text: 'half' }
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        chat.stop()
      })
    })
    await chat.ask('m', 'why?')
    expect(chat.turns()).toMatchObject([{ answer: 'half', status: 'stopped' }])
  })

  it('keeps a failure, and asks again in its place', async () => {
    let calls = 0
    const chat = conversation(async function* () {
      calls += 1
      if (calls === 1) throw new Failure('unreachable')
      yield { text: 'now' }
    })
    await chat.ask('m', 'why?')
    expect(chat.turns()).toMatchObject([{ status: 'failed', failure: { kind: 'unreachable' } }])
    await chat.retry('m')
    expect(chat.turns()).toMatchObject([{ question: 'why?', answer: 'now', status: 'done' }])
  })

  it('is empty after clearing, even if an answer was being written', async () => {
    const chat = conversation(async function* (_messages, signal) {
      yield { text: 'half' }
      chat.clear()
      signal.throwIfAborted()
    })
    await chat.ask('m', 'why?')
    expect(chat.turns()).toEqual([])
    expect(chat.busy).toBe(false)
  })

  it('answers one question at a time', async () => {
    const chat = conversation(async function* () {
      await chat.ask('m', 'second')
      yield { text: 'first' }
    })
    await chat.ask('m', 'first')
    expect(chat.turns().map((turn) => turn.question)).toEqual(['first'])
  })
})

describe('sources', () => {
  it('lists each cited place once, by number, and the unused passages', () => {
    const late = { ...citations[0], number: 2, document_id: 'd2', title: 't', span, quote: 'q' }
    const twice = [late, ...citations, ...citations]
    expect(sourcesOf(twice, passages).cited.map((source) => source.number)).toEqual([1, 2])
    expect(sourcesOf(citations, passages).unused.map((source) => source.number)).toEqual([2])
  })
  it('opens the citation before the passage', () => {
    const quoted = [{ ...citations[0], number: 1, document_id: 'd1', title: 't', span, quote: 'q' }]
    expect(sourceOf(1, quoted, passages)?.text).toBe('q')
    expect(sourceOf(2, quoted, passages)?.text).toBe('text')
    expect(sourceOf(3, quoted, passages)).toBeUndefined()
  })
})
