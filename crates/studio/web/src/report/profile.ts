import type { Json } from '../api/types'
import { ranked, type Count } from './counts'

type Fields = { [key: string]: Json }

/** Bars between `edges`, of which there is one more than `counts`. */
export type Histogram = { edges: number[]; counts: number[] }

/** How a length is spread over the kept documents. */
export type Distribution = { unit: string; histogram: Histogram; figures: [string, Json][] }

/** What the report draws of the data stage's profile. */
export type Profile = {
  read: number | undefined
  kept: number | undefined
  /** By rule. */
  dropped: Count[]
  masked: Count[]
  lengths: Distribution[]
  /** Figures we have no picture for, by group (`''` for those at the top). */
  rest: { group: string; figures: [string, Json][] }[]
}

/**
 * Takes out of a profile (that of the stage `data`) what we know how to draw and leaves the rest
 * as figures: the shape belongs to the data stage, and a report of another version must open too.
 */
export function readProfile(json: Json): Profile | undefined {
  if (!isFields(json) || Object.keys(json).length === 0) return undefined
  const left: Fields = { ...json }
  const read = take(left, 'num_input', asNumber)
  const kept = take(left, 'num_kept', asNumber)
  const dropped = take(left, 'dropped', asRules) ?? []
  const masked = take(left, 'masked', asRules) ?? []
  const lengths = ['tokens', 'chars'].flatMap((unit) => {
    const found = take(left, unit, (value) => asDistribution(unit, value))
    return found === undefined ? [] : [found]
  })
  return { read, kept, dropped, masked, lengths, rest: groups(left) }
}

function take<T>(
  fields: Fields,
  key: string,
  read: (value: Json) => T | undefined,
): T | undefined {
  const found = read(fields[key] ?? null)
  if (found !== undefined) delete fields[key]
  return found
}

function isFields(json: Json): json is Fields {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function asNumber(json: Json | undefined): number | undefined {
  return typeof json === 'number' ? json : undefined
}

/** Rules as `{rule: count}`, most frequent first. */
function asRules(json: Json): Count[] | undefined {
  if (!isFields(json)) return undefined
  const rules = Object.entries(json)
  return rules.every(isCount) ? ranked(Object.fromEntries(rules)) : undefined
}

function isCount(entry: [string, Json]): entry is [string, number] {
  return typeof entry[1] === 'number'
}

/** A distribution: its bars, and all else that it says as figures. */
function asDistribution(unit: string, json: Json): Distribution | undefined {
  if (!isFields(json)) return undefined
  const { histogram: bars, quantiles, ...others } = json
  const histogram = asHistogram(bars)
  if (histogram === undefined) return undefined
  const inner = isFields(quantiles ?? null) ? Object.entries(quantiles as Fields) : []
  const figures = [...Object.entries(others), ...inner]
  const order = ['total', 'mean', 'min', 'p05', 'p25', 'p50', 'p75', 'p95', 'p99', 'max']
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  return { unit, histogram, figures: figures.toSorted(([a], [b]) => place(a) - place(b)) }
}

/** A histogram as a list of `{from, to, count}`. */
function asHistogram(json: Json | undefined): Histogram | undefined {
  if (!Array.isArray(json) || json.length === 0) return undefined
  const bars = json.flatMap((bar) => {
    if (!isFields(bar)) return []
    const [from, to, count] = [bar['from'], bar['to'], bar['count']].map(asNumber)
    return from === undefined || to === undefined || count === undefined
      ? []
      : [{ from, to, count }]
  })
  const last = bars.at(-1)
  if (last === undefined || bars.length < json.length) return undefined
  return {
    edges: [...bars.map((bar) => bar.from), last.to],
    counts: bars.map((bar) => bar.count),
  }
}

function groups(fields: Fields): Profile['rest'] {
  const top: [string, Json][] = []
  const rest: Profile['rest'] = []
  for (const [name, value] of Object.entries(fields)) {
    if (isFields(value)) rest.push({ group: name, figures: Object.entries(value) })
    else top.push([name, value])
  }
  return top.length > 0 ? [{ group: '', figures: top }, ...rest] : rest
}
