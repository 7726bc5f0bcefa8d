/** The longest event we take, in characters; a server gone wrong must not fill the memory. */
export const maxEventLength = 4 * 1024 * 1024

/**
 * Parses `text/event-stream` (WHATWG HTML, section 9.2.6) from pieces cut anywhere. We keep the
 * `data` of each event only; `event`, `id` and `retry` have no use here.
 */
export class SseParser {
  #buffer = ''
  #data: string[] = []
  #size = 0
  #atStart = true

  /** Takes the next piece and returns the data of every event it completes. */
  push(piece: string): string[] {
    if (this.#atStart && piece !== '') {
      this.#atStart = false
      if (piece.charCodeAt(0) === 0xfeff) piece = piece.slice(1)
    }
    this.#buffer += piece
    if (this.#buffer.length + this.#size > maxEventLength) {
      throw new RangeError(`an event is longer than ${maxEventLength} characters`)
    }
    const events: string[] = []
    for (let line = this.#line(); line !== undefined; line = this.#line()) {
      const event = this.#take(line)
      if (event !== undefined) events.push(event)
    }
    return events
  }

  /** The next whole line; a `\r` at the very end waits, for it may be half of `\r\n`. */
  #line(): string | undefined {
    const end = this.#buffer.search(/\r|\n/)
    if (end < 0 || (this.#buffer[end] === '\r' && end + 1 === this.#buffer.length)) return undefined
    const line = this.#buffer.slice(0, end)
    const width = this.#buffer.startsWith('\r\n', end) ? 2 : 1
    this.#buffer = this.#buffer.slice(end + width)
    return line
  }

  #take(line: string): string | undefined {
    if (line === '') {
      if (this.#data.length === 0) return undefined
      const event = this.#data.join('\n')
      this.#data = []
      this.#size = 0
      return event
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    if (field === 'data') {
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      this.#data.push(value)
      this.#size += value.length
    }
    return undefined
  }
}

/** The data of each event of a response body, as they arrive. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = new SseParser()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield* parser.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
