import { describe, expect, it } from 'vitest'
import type { CuratedSet } from '../api/types'
import { folded, ranked } from '../report/counts'
import { auditRows, dropsOf, languageName, lengthRanges, rangeName, sourcesOf, sumOf } from './sets'

describe('counts', () => {
  it('stand in order, those of the same number by name', () =>
    expect(ranked({ b: 2, c: 9, a: 2, d: 0 })).toEqual([
      { name: 'c', count: 9 },
      { name: 'a', count: 2 },
      { name: 'b', count: 2 },
      { name: 'd', count: 0 },
    ]))

  it('are folded beyond a number of them', () => {
    const counts = ranked({ a: 5, b: 4, c: 3, d: 2 })
    expect(folded(counts, 2)).toEqual({ first: counts.slice(0, 2), others: 5 })
    expect(folded(counts, 4)).toEqual({ first: counts, others: 0 })
    expect(folded([], 4)).toEqual({ first: [], others: 0 })
  })

  it('sum up', () => {
    expect(sumOf({ a: 5, b: 4 })).toBe(9)
    expect(sumOf({})).toBe(0)
  })
})

it('drops are in order across the steps', () => {
  const dropped = [
    { step: 'dedup', rule: 'exact', count: 3 },
    { step: 'rules', rule: 'a/b', count: 30 },
    { step: 'dedup', rule: 'near', count: 30 },
  ]
  expect(dropsOf(dropped).map(({ name }) => name)).toEqual([
    'dedup: near',
    'rules: a/b',
    'dedup: exact',
  ])
  expect(dropsOf([])).toEqual([])
})

it('sources without a name are told apart', () => {
  const of = (sources: Record<string, number>) => sourcesOf({ sources } as CuratedSet)
  expect(of({ wiki: 9, '…': 4 })).toEqual({ named: { wiki: 9 }, rest: 4 })
  expect(of({ wiki: 9 })).toEqual({ named: { wiki: 9 }, rest: 0 })
})

it('kinds of personal data have their samples', () => {
  const sample = (kind: string, value: string) => ({ kind, before: '', value, after: '' })
  const samples = [sample('email', 'a***b'), sample('phone', '1**2'), sample('email', 'c**d')]
  const counts = { phone: 1, jwt: 0, email: 9 }
  const rows = auditRows({ num_documents: 9, num_with_matches: 4, counts, samples })
  expect(rows).toEqual([
    { name: 'email', count: 9, samples: [samples[0], samples[2]] },
    { name: 'phone', count: 1, samples: [samples[1]] },
  ])
})

describe('lengthRanges', () => {
  const bars = (...counts: number[]) =>
    counts.map((count, bar) => ({ from: bar === 0 ? 0 : 2 ** (bar - 1), count }))

  it('joins both, without what is empty at the ends', () =>
    expect(lengthRanges(bars(0, 0, 0, 4, 0), bars(0, 1, 0, 2, 0, 5, 0))).toEqual([
      { from: 1, kept: 0, dropped: 1 },
      { from: 2, kept: 0, dropped: 0 },
      { from: 4, kept: 4, dropped: 2 },
      { from: 8, kept: 0, dropped: 0 },
      { from: 16, kept: 0, dropped: 5 },
    ]))

  it('keeps the texts of no length', () =>
    expect(lengthRanges([], bars(3))).toEqual([{ from: 0, kept: 0, dropped: 3 }]))

  it('knows when there is nothing', () => {
    expect(lengthRanges([], [])).toEqual([])
    expect(lengthRanges(bars(0, 0), bars(0))).toEqual([])
  })
})

it.each([
  [0, '0 B'],
  [1, '1 B–2 B'],
  [256, '256 B–512 B'],
  [512, '512 B–1 KiB'],
  [8192, '8 KiB–16 KiB'],
  [131_072, '128 KiB–256 KiB'],
  [524_288, '512 KiB–1 MiB'],
  [2 ** 30, '1 GiB–2 GiB'],
])('the range from %d bytes is %s', (from, name) => expect(rangeName(from)).toBe(name))

it('languages have names, where they have', () => {
  expect(languageName('fr', 'en')).toBe('French')
  expect(languageName('fr', 'zh-CN')).toBe('法语')
  expect(languageName('qxx', 'en')).toBeUndefined()
  expect(languageName('', 'en')).toBeUndefined()
})
