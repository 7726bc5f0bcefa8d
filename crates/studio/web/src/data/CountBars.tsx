import type { ReactNode } from 'react'
import { Bars } from '../report/Bars'
import { folded, ranked } from '../report/counts'

/** Names that one list shows. */
const maxNames = 10

type Props = {
  title: string
  counts: Record<string, number>
  /** What is counted under no name. */
  rest?: number
  label: (name: string) => ReactNode
  tone: 'bad' | 'primary' | 'teal'
}

/** Counts by name, most first. */
export function CountBars({ title, counts, rest = 0, label, tone }: Props) {
  const { first, others } = folded(ranked(counts), maxNames)
  const bars = first.map(({ name, count }) => ({ key: name, label: label(name), count }))
  return <Bars title={title} bars={bars} others={others + rest} tone={tone} />
}
