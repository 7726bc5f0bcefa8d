import type { Span } from '../api/types'

/**
 * The UTF-16 index in `text` of each of two UTF-8 byte offsets. Documents count bytes, as Rust
 * does; JavaScript strings count UTF-16 units. An offset inside a character falls back to its
 * start, one past the end to the end.
 */
export function utf16Span(text: string, bytes: Span): Span {
  return { start: utf16Index(text, bytes.start), end: utf16Index(text, bytes.end) }
}

function utf16Index(text: string, byteOffset: number): number {
  let bytes = 0
  let index = 0
  for (const character of text) {
    bytes += utf8Length(character)
    if (bytes > byteOffset) return index
    index += character.length
  }
  return index
}

/** Bytes of one character in UTF-8. A lone surrogate counts as U+FFFD, which takes its place. */
function utf8Length(character: string): number {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code < 0x10000 ? 3 : 4
}
