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

export const report = {
  project: 'bank-support',
  stages: [
    stage('data', 'cached', 1.84, 96, { documents_in: 698, documents_out: 691, masked: 37 }),
    stage('synth', 'cached', 148.2, 612, { questions: 1382, kept: 1107, train: 934, held_out: 173 }),
    stage('train', 'ran', 264.7, 2204, { steps: 160, tokens: 412880, adapter_bytes: 9_830_400 }),
    stage('eval', 'ran', 61.3, 788, { held_out: 173, scenarios: 97 }),
    stage('quantize', 'ran', 12.9, 905, { format: 'q8_0', max_logit_error: 0.0831, file_bytes: 144_811_072 }),
    stage('index', 'ran', 18.4, 344, { chunks: 1874, dimensions: 384 }),
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
    documents_in: 698,
    documents_out: 691,
    dropped: { exact_duplicate: 2, near_duplicate: 5, empty: 0 },
    masked: { email: 9, phone: 21, card: 4, iban: 1, cn_id: 0, ip: 2 },
    normalized: { unicode: 209, whitespace: 44 },
    tokens: { min: 31, mean: 268.4, p50: 221, p95: 612, max: 1834, total: 185464 },
    length_histogram: {
      unit: 'tokens',
      edges: [0, 100, 200, 300, 400, 500, 600, 800, 1000, 2000],
      counts: [74, 212, 186, 97, 54, 31, 22, 9, 6],
    },
  },
  answer: sample,
  report: '.catena/runs/latest/report.json',
}
