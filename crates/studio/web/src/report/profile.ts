import type { Json } from '../api/types'

type Fields = { [key: string]: Json }

/** A rule of the data stage and how often it struck. */
export type RuleCount = { rule: string; count: number }

/** Documents per length: `edges` has one more than `counts`. */
export type Histogram = { unit: string; edges: number[]; counts: number[] }

/** What the report draws of the data stage's profile. */
export type Profile = {
  read: number | undefined
  kept: number | undefined
  dropped: RuleCount[]
  masked: RuleCount[]
  changed: RuleCount[]
  histogram: Histogram | undefined
  /** Figures we have no picture for, by group (`''` for those at the top). */
  rest: { group: string; figures: [string, Json][] }[]
}

const names = {
  read: ['documents_in', 'documents_read', 'read', 'input_documents', 'total_documents'],
  kept: ['documents_out', 'documents_kept', 'kept', 'output_documents', 'documents'],
  dropped: ['dropped', 'dropped_by_rule'],
  masked: ['masked', 'masked_by_rule', 'pii'],
  changed: ['changed', 'normalized', 'changed_by_rule', 'normalized_by_rule'],
  histogram: ['length_histogram', 'histogram', 'lengths'],
}

/**
 * Takes out of a profile what we know how to draw, under any of its usual names, and leaves the
 * rest as figures: the profile's shape belongs to the data stage, and an older or newer report must
 * open as well.
 */
export function readProfile(json: Json): Profile | undefined {
  if (!isFields(json) || Object.keys(json).length === 0) return undefined
  const left: Fields = { ...json }
  const profile: Profile = {
    read: take(left, names.read, asNumber),
    kept: take(left, names.kept, asNumber),
    dropped: take(left, names.dropped, asRules) ?? [],
    masked: take(left, names.masked, asRules) ?? [],
    changed: take(left, names.changed, asRules) ?? [],
    histogram: take(left, names.histogram, asHistogram),
    rest: [],
  }
  profile.rest = groups(left)
  return profile
}

function take<T>(
  fields: Fields,
  keys: readonly string[],
  read: (value: Json) => T | undefined,
): T | undefined {
  for (const key of keys) {
    const found = read(fields[key] ?? null)
    if (found !== undefined) {
      delete fields[key]
      return found
    }
  }
  return undefined
}

function isFields(json: Json): json is Fields {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function asNumber(json: Json): number | undefined {
  return typeof json === 'number' ? json : undefined
}

/** Rules as `{rule: count}` or as `[{rule, count}]`, most frequent first. */
function asRules(json: Json): RuleCount[] | undefined {
  const pairs: [Json | undefined, Json | undefined][] = Array.isArray(json)
    ? json.filter(isFields).map((each) => [each['rule'] ?? each['name'], each['count']])
    : isFields(json)
      ? Object.entries(json)
      : []
  if (pairs.length === 0) return isFields(json) || Array.isArray(json) ? [] : undefined
  const rules = pairs.flatMap(([rule, count]) =>
    typeof rule === 'string' && typeof count === 'number' ? [{ rule, count }] : [],
  )
  return rules.length === pairs.length ? rules.toSorted((a, b) => b.count - a.count) : undefined
}

/** A histogram as edges and counts, or as a list of `{from|start, to|end, count}`. */
function asHistogram(json: Json): Histogram | undefined {
  if (Array.isArray(json)) return histogramOfBins(json, '')
  if (!isFields(json)) return undefined
  const unit = typeof json['unit'] === 'string' ? json['unit'] : ''
  if (Array.isArray(json['bins'])) return histogramOfBins(json['bins'], unit)
  const edges = numbers(json['edges'])
  const counts = numbers(json['counts'])
  if (edges === undefined || counts === undefined || counts.length === 0) return undefined
  return edges.length === counts.length + 1 ? { unit, edges, counts } : undefined
}

function histogramOfBins(bins: Json[], unit: string): Histogram | undefined {
  const rows = bins.filter(isFields).map((bin) => ({
    from: asNumber(bin['from'] ?? bin['start'] ?? bin['min'] ?? null),
    to: asNumber(bin['to'] ?? bin['end'] ?? bin['max'] ?? null),
    count: asNumber(bin['count'] ?? null),
  }))
  const last = rows.at(-1)
  if (last === undefined || rows.some((row) => row.from === undefined || row.count === undefined)) {
    return undefined
  }
  const edges = rows.map((row) => row.from ?? 0)
  return {
    unit,
    edges: [...edges, last.to ?? Number.POSITIVE_INFINITY],
    counts: rows.map((row) => row.count ?? 0),
  }
}

function numbers(json: Json | undefined): number[] | undefined {
  if (!Array.isArray(json)) return undefined
  const found = json.filter((each) => typeof each === 'number')
  return found.length === json.length ? found : undefined
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
