import { describe, expect, it } from 'vitest'
import type { StageReport, TrainingRun } from '../api/types'
import {
  ago,
  bytes,
  duration,
  figure,
  percent,
  relativeChange,
  secondsLeft,
  smoothed,
  stateOf,
  timeline,
} from './figures'
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

  it.each([
    [0.4, 'en', '0 seconds ago'],
    [59.9, 'en', '59 seconds ago'],
    [90, 'en', '1 minute ago'],
    [7300, 'en', '2 hours ago'],
    [260_000, 'en', '3 days ago'],
    [260_000, 'zh-CN', '3天前'],
  ])('%d seconds since are in %s: %s', (seconds, locale, text) =>
    expect(ago(seconds, locale)).toBe(text),
  )

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

  it('knows whether a run goes on, and how long', () => {
    const run = (step: number, idle_seconds: number): TrainingRun => ({
      name: 'runs/sft',
      idle_seconds,
      total_steps: 40,
      points: [{ step, loss: 1, learning_rate: 0, grad_norm: 0 }],
      evaluations: [],
      speeds: [
        { step: step - 1, tokens_per_second: 9, seconds: 3 },
        { step, tokens_per_second: 9, seconds: 5 },
      ],
    })
    expect(stateOf(run(10, 2))).toBe('going')
    expect(secondsLeft(run(10, 2))).toBe(120)
    expect(stateOf(run(10, 600))).toBe('ended')
    expect(secondsLeft(run(10, 600))).toBeUndefined()
    expect(stateOf(run(40, 600))).toBe('done')
    expect(stateOf({ ...run(10, 2), total_steps: null, speeds: [] })).toBe('going')
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
  const bins = [
    { from: 0, to: 10, count: 3 },
    { from: 10, to: 20, count: 4 },
  ]

  it('takes the counts and the rules, most frequent first', () => {
    const profile = readProfile({ num_input: 9, num_kept: 7, dropped: { a: 2, b: 5 }, masked: {} })
    expect(profile).toEqual({
      read: 9,
      kept: 7,
      dropped: [
        { name: 'b', count: 5 },
        { name: 'a', count: 2 },
      ],
      masked: [],
      lengths: [],
      rest: [],
    })
  })

  it('takes lengths, their figures from small to large', () => {
    const tokens = { max: 20, min: 1, mean: 8.5, quantiles: { p95: 18, p50: 9 }, histogram: bins }
    expect(readProfile({ tokens })?.lengths).toEqual([
      {
        unit: 'tokens',
        histogram: { edges: [0, 10, 20], counts: [3, 4] },
        figures: [
          ['mean', 8.5],
          ['min', 1],
          ['p50', 9],
          ['p95', 18],
          ['max', 20],
        ],
      },
    ])
  })

  it('leaves what it cannot draw as figures', () => {
    const broken = { histogram: [{ from: 0 }] }
    const profile = readProfile({ dropped: 'none', seed: 7, tokens: broken, chars: { mean: 3 } })
    expect(profile?.dropped).toEqual([])
    expect(profile?.lengths).toEqual([])
    expect(profile?.rest).toEqual([
      {
        group: '',
        figures: [
          ['dropped', 'none'],
          ['seed', 7],
        ],
      },
      { group: 'tokens', figures: [['histogram', [{ from: 0 }]]] },
      { group: 'chars', figures: [['mean', 3]] },
    ])
  })

  it('knows when there is nothing', () => {
    expect(readProfile(null)).toBeUndefined()
    expect(readProfile({})).toBeUndefined()
    expect(readProfile([1])).toBeUndefined()
  })
})
