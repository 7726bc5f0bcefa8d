import { streamAnswer, type AnswerPiece, type ChatMessage } from '../api/chat'
import { Failure } from '../api/failure'
import type { Citation, Passage } from '../api/types'
import { withoutMarks } from '../text/marks'

/** How an answer stands: `waiting` until its first word, then `writing`, then one of the rest. */
export type TurnStatus = 'waiting' | 'writing' | 'done' | 'stopped' | 'failed'

/** One question and its answer. */
export type Turn = {
  id: number
  question: string
  answer: string
  passages: Passage[]
  citations: Citation[]
  status: TurnStatus
  finishReason?: string
  failure?: Failure
}

type Stream = typeof streamAnswer

/** Turns sent along with a question. More would only fill a small model's window. */
const rememberedTurns = 3

/**
 * The conversation, held in memory outside React so that an answer goes on being written while
 * another page is open. One answer is written at a time.
 */
export class Conversation {
  #turns: readonly Turn[] = []
  #abort: AbortController | undefined
  #nextId = 1
  readonly #listeners = new Set<() => void>()
  readonly #stream: Stream

  constructor(stream: Stream = streamAnswer) {
    this.#stream = stream
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly turns = (): readonly Turn[] => this.#turns

  get busy(): boolean {
    return this.#abort !== undefined
  }

  /** Asks `question`; resolves when its answer has ended, however it ended. */
  async ask(model: string, question: string): Promise<void> {
    if (this.busy) return
    const messages = this.#messages(question)
    const id = this.#nextId++
    const turn: Turn = {
      id,
      question,
      answer: '',
      passages: [],
      citations: [],
      status: 'waiting',
    }
    this.#set([...this.#turns, turn])
    const abort = new AbortController()
    this.#abort = abort
    try {
      for await (const piece of this.#stream(model, messages, abort.signal)) {
        this.#change(id, (now) => withPiece(now, piece))
      }
      this.#end(abort, id, { status: 'done' })
    } catch (error) {
      if (abort.signal.aborted) this.#end(abort, id, { status: 'stopped' })
      else this.#end(abort, id, { status: 'failed', failure: asFailure(error) })
    }
  }

  /** Asks the last question again, in place of its answer. */
  async retry(model: string): Promise<void> {
    const last = this.#turns.at(-1)
    if (last === undefined || this.busy) return
    this.#set(this.#turns.slice(0, -1))
    await this.ask(model, last.question)
  }

  /** Stops the answer being written; what is there stays. */
  stop(): void {
    this.#abort?.abort()
  }

  /** Forgets everything. */
  clear(): void {
    this.stop()
    this.#abort = undefined
    this.#set([])
  }

  #messages(question: string): ChatMessage[] {
    const told = this.#turns.filter((turn) => turn.status === 'done' && turn.answer !== '')
    return [
      ...told.slice(-rememberedTurns).flatMap((turn): ChatMessage[] => [
        { role: 'user', content: turn.question },
        { role: 'assistant', content: withoutMarks(turn.answer) },
      ]),
      { role: 'user', content: question },
    ]
  }

  #end(abort: AbortController, id: number, change: Partial<Turn>): void {
    if (this.#abort === abort) this.#abort = undefined
    this.#change(id, (turn) => ({ ...turn, ...change }))
  }

  #change(id: number, change: (turn: Turn) => Turn): void {
    this.#set(this.#turns.map((turn) => (turn.id === id ? change(turn) : turn)))
  }

  #set(turns: readonly Turn[]): void {
    this.#turns = turns
    for (const listener of this.#listeners) listener()
  }
}

function withPiece(turn: Turn, piece: AnswerPiece): Turn {
  const next = { ...turn }
  if (piece.passages) next.passages = piece.passages
  if (piece.citations) next.citations = piece.citations
  if (piece.finishReason) next.finishReason = piece.finishReason
  if (piece.text) {
    next.answer += piece.text
    next.status = 'writing'
  }
  return next
}

function asFailure(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure('server', String(error))
}
