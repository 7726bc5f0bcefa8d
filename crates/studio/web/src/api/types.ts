// The shapes of `catena-protocol` and of the studio's routes, as JSON.

/** Byte offsets into a document's UTF-8 content, `start..end`. */
export type Span = { start: number; end: number }

export type Document = { id: string; title: string; content: string }

export type Citation = {
  number: number
  document_id: string
  title: string
  span: Span
  quote: string
}

/** A retrieved passage with the number its marks carry. */
export type Passage = {
  number: number
  document_id: string
  title: string
  span: Span
  text: string
}

export type StudioInfo = {
  project: string
  models: string[]
  language: 'en' | 'zh' | null
  version: string
  example_questions: string[]
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export type StageReport = {
  name: string
  status: 'ran' | 'cached'
  seconds: number
  peak_bytes: number
  summary: { [key: string]: Json }
}

export type QualityMetrics = {
  answer_loss: number
  token_f1: number
  citation_accuracy: number
}

export type RetrievalMetrics = {
  recall_at_5: number
  recall_at_10: number
  recall_at_20: number
  mrr: number
}

export type RetrievalMethod = 'keyword' | 'dense' | 'hybrid'

export type LossPoint = { step: number; loss: number; learning_rate: number; grad_norm: number }

/** A training run as its files tell it, finished or going on. */
export type TrainingRun = {
  name: string
  idle_seconds: number
  total_steps: number | null
  points: LossPoint[]
  evaluations: { step: number; loss: number }[]
  speeds: { step: number; tokens_per_second: number; seconds: number }[]
}

/** Documents that a rule dropped in a step of the plan. */
export type DropCount = { step: string; rule: string; count: number }

/** Texts of `from` bytes or more, up to the next power of two. */
export type LengthBar = { from: number; count: number }

/** A masked place: the value with all but its ends hidden, and a little text around it. */
export type MaskedSample = { kind: string; before: string; value: string; after: string }

/** What was masked in the documents that were kept. */
export type MaskAudit = {
  num_documents: number
  num_with_matches: number
  /** Places, by kind of personal data. */
  counts: Record<string, number>
  samples: MaskedSample[]
}

/** A folder that `catena data clean` wrote, in numbers. Counts are of documents, by name. */
export type CuratedSet = {
  name: string
  idle_seconds: number
  version: string
  fingerprint: string
  num_inputs: number
  bytes_inputs: number
  num_read: number
  bytes_read: number
  num_kept: number
  bytes_kept: number
  /** Rows that were no documents, by reason. */
  rejected: Record<string, number>
  dropped: DropCount[]
  /** By operator. */
  changed: Record<string, number>
  /** Places, by kind of personal data. */
  masked: Record<string, number>
  /** Absent if no personal data was looked for. */
  audit?: MaskAudit
  languages_kept: Record<string, number>
  sources: Record<string, number>
  splits: Record<string, number>
  lengths: LengthBar[]
  lengths_dropped: LengthBar[]
  rules: string[]
  plan: string
}

export type AnswerReport = { question: string; text: string; citations: Citation[] }

export type RunReport = {
  project: string
  stages: StageReport[]
  before: QualityMetrics
  after: QualityMetrics
  quantized: QualityMetrics
  retrieval: Record<RetrievalMethod, RetrievalMetrics>
  loss_curve: LossPoint[]
  data_profile: Json
  answer?: AnswerReport
  report: string
}
