import type { CuratedSet, DropCount, LengthBar, MaskAudit, MaskedSample } from '../api/types'
import { mostFirst, ranked, type Count } from '../report/counts'
import { bytes } from '../report/figures'

/** Under this name the server sums up the sources that it does not list. */
const restName = '…'

/** Why documents were dropped, most first. */
export function dropsOf(dropped: readonly DropCount[]): (Count & DropCount)[] {
  return mostFirst(dropped.map((drop) => ({ ...drop, name: `${drop.step}: ${drop.rule}` })))
}

export function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** The listed sources, and the number of documents from others. */
export function sourcesOf(set: CuratedSet): { named: Record<string, number>; rest: number } {
  const { [restName]: rest = 0, ...named } = set.sources
  return { named, rest }
}

/** The kinds of personal data that were masked, most first, each with its samples. */
export function auditRows(audit: MaskAudit): (Count & { samples: MaskedSample[] })[] {
  return ranked(audit.counts)
    .filter(({ count }) => count > 0)
    .map(({ name, count }) => ({
      name,
      count,
      samples: audit.samples.filter(({ kind }) => kind === name),
    }))
}

/** Documents whose length is `from` bytes or more, up to the next range. */
export type LengthRange = { from: number; kept: number; dropped: number }

/** Both histograms over the same ranges, without the empty ones at either end. */
export function lengthRanges(
  kept: readonly LengthBar[],
  dropped: readonly LengthBar[],
): LengthRange[] {
  const ranges = new Map<number, LengthRange>()
  const at = (from: number) => {
    const range = ranges.get(from) ?? { from, kept: 0, dropped: 0 }
    ranges.set(from, range)
    return range
  }
  for (const { from, count } of kept) at(from).kept += count
  for (const { from, count } of dropped) at(from).dropped += count
  const all = [...ranges.values()].toSorted((a, b) => a.from - b.from)
  const filled = (range: LengthRange) => range.kept + range.dropped > 0
  const first = all.findIndex(filled)
  return first < 0 ? [] : all.slice(first, all.findLastIndex(filled) + 1)
}

/** A range of powers of two by its ends: `1 KiB–2 KiB`; that of the empty texts is `0 B`. */
export function rangeName(from: number): string {
  return from === 0 ? edge(0) : `${edge(from)}–${edge(2 * from)}`
}

/** Bytes as on a ruler, without places that are zero. */
function edge(count: number): string {
  return bytes(count).replace(/\.0+ /, ' ')
}

/** A language's name in words, if there is one. */
export function languageName(code: string, locale: string): string | undefined {
  try {
    return new Intl.DisplayNames(locale, { type: 'language', fallback: 'none' }).of(code)
  } catch {
    // What is no code at all has no name either.
    return undefined
  }
}
