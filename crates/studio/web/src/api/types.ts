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
