import { describe, expect, it } from 'vitest'
import { maxEventLength, readEvents, SseParser } from './sse'

function check(pieces: string[], expected: string[]) {
  const parser = new SseParser()
  expect(pieces.flatMap((piece) => parser.push(piece))).toEqual(expected)
}

describe('SseParser', () => {
  it('takes the data of each event', () => check(['data: a\n\ndata: b\n\n'], ['a', 'b']))
  it('joins the lines of one event', () => check(['data: a\ndata: b\n\n'], ['a\nb']))
  it('removes one space only', () => check(['data:  a\ndata:b\n\n'], [' a\nb']))
  it('passes over comments, other fields and empty events', () =>
    check([': ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n\n\n'], ['a']))
  it('takes a field without a colon as empty', () => check(['data\ndata: a\n\n'], ['\na']))
  it('keeps an event back until its empty line', () => {
    check(['data: a\n'], [])
    check(['data: a\n', '\n'], ['a'])
  })
  it('takes every line ending', () => check(['data: a\r\n\r\ndata: b\r\rdata: c\n\n'], ['a', 'b', 'c']))
  it('drops a byte order mark', () => check(['\ufeffdata: a\n\n'], ['a']))

  it('does not care where the text is cut', () => {
    const text = ': hi\r\ndata: {"a":1}\r\n\r\ndata: x\ndata: y\n\ndata: [DONE]\n\n'
    const whole = new SseParser().push(text)
    expect(whole).toEqual(['{"a":1}', 'x\ny', '[DONE]'])
    check([...text], whole)
    for (let cut = 1; cut < text.length; cut += 1) check([text.slice(0, cut), text.slice(cut)], whole)
  })

  it('refuses an endless event', () => {
    const parser = new SseParser()
    const line = `data: ${'x'.repeat(maxEventLength / 4)}\n`
    expect(() => {
      for (let count = 0; count < 5; count += 1) parser.push(line)
    }).toThrow(RangeError)
  })
})

describe('readEvents', () => {
  it('decodes characters that are cut between pieces', async () => {
    const bytes = new TextEncoder().encode('data: 冻结 €\n\ndata: [DONE]\n\n')
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
        controller.close()
      },
    })
    const events: string[] = []
    for await (const event of readEvents(body)) events.push(event)
    expect(events).toEqual(['冻结 €', '[DONE]'])
  })

  it('cancels the body when the reader leaves early', async () => {
    let cancelled = false
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('data: a\n\n')),
      cancel: () => {
        cancelled = true
      },
    })
    for await (const event of readEvents(body)) {
      expect(event).toBe('a')
      break
    }
    expect(cancelled).toBe(true)
  })
})
