import { Failure, failureOf, request } from './failure'
import { readEvents } from './sse'
import type { Citation, Passage } from './types'

export type ChatMessage = { role: 'user' | 'assistant'; content: string }

/** What a streamed answer brings, piece by piece. */
export type AnswerPiece = {
  text?: string
  passages?: Passage[]
  citations?: Citation[]
  finishReason?: string
}

/** Long enough for any grounded answer; a small model that rambles is stopped here. */
const maxTokens = 512

type Chunk = {
  error?: unknown
  choices?: {
    delta?: { content?: string | null; passages?: Passage[]; citations?: Citation[] }
    finish_reason?: string | null
  }[]
}

/** The piece in one event's data. */
export function pieceOf(data: string): AnswerPiece {
  let chunk: Chunk
  try {
    chunk = JSON.parse(data) as Chunk
  } catch {
    throw new Failure('server', data.slice(0, 200))
  }
  if (chunk.error !== undefined) throw failureOf(500, chunk)
  const choice = chunk.choices?.[0]
  const piece: AnswerPiece = {}
  if (choice?.delta?.content) piece.text = choice.delta.content
  if (choice?.delta?.passages) piece.passages = choice.delta.passages
  if (choice?.delta?.citations) piece.citations = choice.delta.citations
  if (choice?.finish_reason) piece.finishReason = choice.finish_reason
  return piece
}

/**
 * Asks `model` and yields its answer as it is written. Throws a `Failure`; `interrupted` if the
 * stream ends before its `[DONE]`. An abort through `signal` throws the browser's `AbortError`.
 */
export async function* streamAnswer(
  model: string,
  messages: ChatMessage[],
  signal: AbortSignal,
): AsyncGenerator<AnswerPiece> {
  const response = await request('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ model, messages, stream: true, temperature: 0, max_tokens: maxTokens }),
    signal,
  })
  if (response.body === null) throw new Failure('interrupted')
  let done = false
  try {
    for await (const data of readEvents(response.body)) {
      // What is left is the end of the body; leaving before it would look like an abort.
      if (data === '[DONE]') done = true
      else if (!done) yield pieceOf(data)
    }
  } catch (error) {
    if (signal.aborted || error instanceof Failure) throw error
  }
  if (!done) throw new Failure('interrupted')
}
