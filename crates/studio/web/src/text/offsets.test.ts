import { expect, it } from 'vitest'
import { utf16Span } from './offsets'

function check(text: string, quote: string) {
  const at = text.indexOf(quote)
  const start = Buffer.byteLength(text.slice(0, at))
  const span = utf16Span(text, { start, end: start + Buffer.byteLength(quote) })
  expect(text.slice(span.start, span.end)).toBe(quote)
}

it('finds quotes behind characters of every length', () => {
  const text = 'a é € 冻结 🏦 e\u0301 – end'
  for (const quote of ['a', 'é', '€', '冻结', '🏦', 'e\u0301', ' – end', text]) check(text, quote)
})

it('rounds an offset inside a character down', () => {
  expect(utf16Span('€x', { start: 1, end: 3 })).toEqual({ start: 0, end: 1 })
  expect(utf16Span('🏦x', { start: 3, end: 5 })).toEqual({ start: 0, end: 3 })
})

it('keeps offsets past the end at the end', () => {
  expect(utf16Span('é', { start: 2, end: 99 })).toEqual({ start: 1, end: 1 })
  expect(utf16Span('', { start: 0, end: 5 })).toEqual({ start: 0, end: 0 })
})
