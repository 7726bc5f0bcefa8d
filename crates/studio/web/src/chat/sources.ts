import type { Citation, Passage, Span } from '../api/types'

/** Something to open beside an answer: a numbered place in a document. */
export type Source = {
  number: number
  documentId: string
  title: string
  span: Span
  text: string
}

function sourceKey(source: Source): string {
  return `${source.number} ${source.documentId} ${source.span.start} ${source.span.end}`
}

export function fromCitation(citation: Citation): Source {
  const { number, document_id: documentId, title, span, quote: text } = citation
  return { number, documentId, title, span, text }
}

export function fromPassage(passage: Passage): Source {
  const { number, document_id: documentId, title, span, text } = passage
  return { number, documentId, title, span, text }
}

/** What the answer cites, each place once and by number, and the passages it left unused. */
export function sourcesOf(
  citations: readonly Citation[],
  passages: readonly Passage[],
): { cited: Source[]; unused: Source[] } {
  const places = new Map(citations.map(fromCitation).map((source) => [sourceKey(source), source]))
  const cited = [...places.values()].toSorted((a, b) => a.number - b.number)
  const numbers = new Set(cited.map((source) => source.number))
  const unused = passages.filter((passage) => !numbers.has(passage.number)).map(fromPassage)
  return { cited, unused }
}

/** The source that a mark `[number]` opens: the citation if it has come, else the passage. */
export function sourceOf(
  number: number,
  citations: readonly Citation[],
  passages: readonly Passage[],
): Source | undefined {
  const citation = citations.find((each) => each.number === number)
  if (citation !== undefined) return fromCitation(citation)
  const passage = passages.find((each) => each.number === number)
  return passage === undefined ? undefined : fromPassage(passage)
}
