/** A piece of an answer: plain text, or the number of a citation mark. */
export type AnswerPart = { kind: 'text'; text: string } | { kind: 'mark'; number: number }

const mark = /\[\s*\d{1,3}(?:\s*[,，、]\s*\d{1,3})*\s*\]/g

/**
 * Splits `[2]` and `[1, 3]` out of a text. A mark counts only if every number in it is `known`;
 * others stay text, since an answer may well speak of `[2024]` or `[12]`.
 */
export function splitMarks(text: string, known: (number: number) => boolean): AnswerPart[] {
  const parts: AnswerPart[] = []
  let end = 0
  for (const match of text.matchAll(mark)) {
    const numbers = (match[0].match(/\d+/g) ?? []).map(Number)
    if (!numbers.every(known)) continue
    if (match.index > end) parts.push({ kind: 'text', text: text.slice(end, match.index) })
    for (const number of numbers) parts.push({ kind: 'mark', number })
    end = match.index + match[0].length
  }
  if (end < text.length) parts.push({ kind: 'text', text: text.slice(end) })
  return parts
}

/** `text` without the mark that is just being written, which would flicker as plain text. */
export function withoutUnfinishedMark(text: string): string {
  return text.replace(/\s?\[[\d\s,]*$/, '')
}

/** `text` without its marks: their numbers mean nothing in the next turn's passages. */
export function withoutMarks(text: string): string {
  return text.replace(mark, '').replace(/[ \t]+([.,;:!?])/g, '$1').trim()
}
