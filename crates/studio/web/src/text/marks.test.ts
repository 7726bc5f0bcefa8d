import { describe, expect, it } from 'vitest'
import { splitMarks, withoutMarks, withoutUnfinishedMark } from './marks'

/** Marks as numbers, text as it is. */
function check(text: string, expected: (string | number)[], known = [1, 2, 3]) {
  const parts = splitMarks(text, (number) => known.includes(number))
  expect(parts.map((part) => (part.kind === 'mark' ? part.number : part.text))).toEqual(expected)
}

describe('splitMarks', () => {
  it('finds marks', () => check('It is so [1]. And so [2]', ['It is so ', 1, '. And so ', 2]))
  it('finds neighbours', () => check('[1][2]', [1, 2]))
  it('takes lists apart', () => check('so [1, 3].', ['so ', 1, 3, '.']))
  it('takes Chinese lists apart', () => check('如此[1，2]。', ['如此', 1, 2, '。']))
  it('leaves unknown numbers', () => check('in [9] and [1, 9]', ['in [9] and [1, 9]']))
  it('leaves years and other brackets', () => check('[2024] [a] [] [1', ['[2024] [a] [] [1']))
  it('takes nothing from nothing', () => check('', []))
  it('loses no text', () => {
    const text = 'a [1] b [7] c [2,3] d'
    const parts = splitMarks(text, (number) => number < 4)
    expect(parts.map((p) => (p.kind === 'text' ? p.text : '')).join('|')).toBe('a || b [7] c ||| d')
  })
})

describe('withoutUnfinishedMark', () => {
  it('hides a mark being written', () => {
    expect(withoutUnfinishedMark('so [')).toBe('so')
    expect(withoutUnfinishedMark('so [1, ')).toBe('so')
  })
  it('leaves whole marks and words', () => {
    expect(withoutUnfinishedMark('so [1]')).toBe('so [1]')
    expect(withoutUnfinishedMark('so [see')).toBe('so [see')
  })
})

describe('withoutMarks', () => {
  it('removes marks and the space before the full stop', () =>
    expect(withoutMarks('It is so [1]. And [2, 3] so.')).toBe('It is so. And  so.'))
})
