// A run report as `catena up` writes it, with invented but plausible figures.
import { sample } from './answers.mjs'

const mib = 1024 * 1024

function stage(name, status, seconds, peakMib, summary) {
  return { name, status, seconds, peak_bytes: peakMib * mib, summary }
}

/** A small generator with a fixed seed, so that every screenshot shows the same curve. */
function noise(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  }
}

function lossCurve(steps) {
  const random = noise(7)
  return Array.from({ length: steps }, (_, index) => {
    const step = index + 1
    const warm = Math.min(1, step / 12)
    const progress = Math.max(0, (step - 12) / (steps - 12))
    return {
      step,
      loss: 1.21 + 1.5 * Math.exp(-step / 28) + 0.28 * random(),
      learning_rate: 2e-4 * warm * (0.5 + 0.5 * Math.cos(Math.PI * progress)),
      grad_norm: 0.9 + 2.2 * Math.exp(-step / 18) + 0.4 * random(),
    }
  })
}

/** A spread as the data stage reports it, `scale` units to a token. */
function lengths(scale) {
  const at = (tokens) => Math.round(tokens * scale)
  const counts = [74, 152, 171, 108, 66, 41, 27, 18, 12, 7, 5, 3, 2, 1, 1, 1, 0, 1, 0, 1]
  const edge = (bar) => (31 + bar * 90.15) * scale
  return {
    total: at(185464),
    min: at(31),
    mean: 268.4 * scale,
    quantiles: { p05: at(74), p25: at(146), p50: at(221), p75: at(322), p95: at(612), p99: at(1104) },
    max: at(1834),
    histogram: counts.map((count, bar) => ({ from: edge(bar), to: edge(bar + 1), count })),
  }
}

export const report = {
  project: 'bank-support',
  stages: [
    stage('data', 'cached', 1.84, 96, { documents_read: 698, documents_kept: 691, rows_refused: 1 }),
    stage('synth', 'cached', 148.2, 612, { num_questions: 1382, num_kept: 1107, num_held_out: 173 }),
    stage('train', 'ran', 264.7, 2204, { num_steps: 160, num_tokens: 412880, adapter_bytes: 9_830_400 }),
    stage('eval', 'ran', 61.3, 788, { num_held_out: 173, num_scenarios: 97 }),
    stage('quantize', 'ran', 12.9, 905, { format: 'q8_0', max_logit_error: 0.0831, file_bytes: 144_811_072 }),
    stage('index', 'ran', 18.4, 344, { num_chunks: 1874, dimensions: 384 }),
  ],
  before: { answer_loss: 2.318, token_f1: 0.214, citation_accuracy: 0.087 },
  after: { answer_loss: 1.274, token_f1: 0.523, citation_accuracy: 0.861 },
  quantized: { answer_loss: 1.281, token_f1: 0.519, citation_accuracy: 0.855 },
  retrieval: {
    keyword: { recall_at_5: 0.128, recall_at_10: 0.183, recall_at_20: 0.262, mrr: 0.371 },
    dense: { recall_at_5: 0.182, recall_at_10: 0.259, recall_at_20: 0.351, mrr: 0.512 },
    hybrid: { recall_at_5: 0.203, recall_at_10: 0.294, recall_at_20: 0.402, mrr: 0.547 },
  },
  loss_curve: lossCurve(160),
  data_profile: {
    num_input: 698,
    num_kept: 691,
    rejected: { unknown_format: 1 },
    dropped: { exact_duplicate: 2, near_duplicate: 5 },
    changed: { repaired: 3, normalized: 209, masked: 23, masked_metadata: 1 },
    masked: { email: 9, iban: 1, bank_card: 4, ip_address: 2, phone: 21 },
    chars: lengths(4.4),
    tokens: lengths(1),
  },
  answer: sample,
  report: '.catena/runs/latest/report.json',
}
