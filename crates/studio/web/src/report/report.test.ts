import { describe, expect, it } from 'vitest'
import type { StageReport } from '../api/types'
import { bytes, duration, figure, percent, relativeChange, smoothed, timeline } from './figures'
import { readProfile } from './profile'

describe('figures', () => {
  it.each([
    [0.0123, '12 ms'],
    [1.84, '1.8 s'],
    [12.9, '13 s'],
    [59.96, '1:00 min'],
    [264.7, '4:25 min'],
    [3599.6, '1:00 h'],
    [7260, '2:01 h'],
    [Number.NaN, '–'],
  ])('%d seconds are %s', (seconds, text) => expect(duration(seconds)).toBe(text))

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [96 * 1024 ** 2, '96.0 MiB'],
    [1023.9 * 1024 ** 2, '1.00 GiB'],
    [2204 * 1024 ** 2, '2.15 GiB'],
  ])('%d bytes are %s', (count, text) => expect(bytes(count)).toBe(text))

  it('compares', () => {
    expect(relativeChange(2, 1.5)).toBe(-0.25)
    expect(relativeChange(0, 1)).toBeUndefined()
    expect(percent(-0.25, 'en', true)).toBe('-25%')
    expect(percent(0.034, 'en', true)).toBe('+3.4%')
  })

  it('smooths without a bias at the start', () => {
    const points = [3, 3, 3].map((loss, step) => ({ step, loss, learning_rate: 0, grad_norm: 0 }))
    for (const value of smoothed(points, 0.9)) expect(value).toBeCloseTo(3, 12)
  })

  it('places stages one after another', () => {
    const stage = (seconds: number): StageReport => ({
      name: 's',
      status: 'ran',
      seconds,
      peak_bytes: 0,
      summary: {},
    })
    expect(timeline([stage(2), stage(3)])).toEqual([
      { start: 0, total: 5 },
      { start: 2, total: 5 },
    ])
  })

  it('shows figures by what their names say', () => {
    expect(figure('file_bytes', 2048, 'en')).toBe('2.00 KiB')
    expect(figure('seconds', 3, 'en')).toBe('3.0 s')
    expect(figure('tokens', 412880, 'en')).toBe('412,880')
    expect(figure('error', 0.083125, 'en')).toBe('0.08313')
    expect(figure('formats', ['q8_0', 'q4_0'], 'en')).toBe('q8_0, q4_0')
  })
})

describe('readProfile', () => {
  it('takes rules as an object or a list', () => {
    const expected = [
      { rule: 'b', count: 5 },
      { rule: 'a', count: 2 },
    ]
    expect(readProfile({ dropped: { a: 2, b: 5 } })?.dropped).toEqual(expected)
    expect(readProfile({ masked: expected })?.masked).toEqual(expected)
  })

  it('takes a histogram as edges or as bins', () => {
    const expected = { unit: 'tokens', edges: [0, 10, 20], counts: [3, 4] }
    expect(readProfile({ length_histogram: expected })?.histogram).toEqual(expected)
    const bins = [
      { from: 0, to: 10, count: 3 },
      { from: 10, to: 20, count: 4 },
    ]
    expect(readProfile({ lengths: { unit: 'tokens', bins } })?.histogram).toEqual(expected)
  })

  it('leaves what it cannot draw as figures', () => {
    const profile = readProfile({ dropped: 'none', seed: 7, tokens: { mean: 3 } })
    expect(profile?.dropped).toEqual([])
    expect(profile?.rest).toEqual([
      {
        group: '',
        figures: [
          ['dropped', 'none'],
          ['seed', 7],
        ],
      },
      { group: 'tokens', figures: [['mean', 3]] },
    ])
  })

  it('knows when there is nothing', () => {
    expect(readProfile(null)).toBeUndefined()
    expect(readProfile({})).toBeUndefined()
    expect(readProfile([1])).toBeUndefined()
  })
})
