/** Something counted, and how often. */
export type Count = { name: string; count: number }

/** Most first; those of the same number by name. */
export function mostFirst<T extends Count>(counts: readonly T[]): T[] {
  return counts.toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
}

/** Counts by name as a list, most first. */
export function ranked(counts: Readonly<Record<string, number>>): Count[] {
  return mostFirst(Object.entries(counts).map(([name, count]) => ({ name, count })))
}

/** The first `most` of a list, and the sum of the others. */
export function folded<T extends Count>(
  counts: readonly T[],
  most: number,
): { first: T[]; others: number } {
  const others = counts.slice(most).reduce((sum, { count }) => sum + count, 0)
  return { first: counts.slice(0, most), others }
}
