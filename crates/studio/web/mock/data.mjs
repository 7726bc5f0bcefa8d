// Cleaned data sets as `catena data clean` leaves them: a large one of the web, and a small one.

const webRules = {
  'gopher@datatrove/gopher_short_doc': 48_211,
  'gopher@datatrove/gopher_enough_stop_words': 31_874,
  'gopher@datatrove/gopher_below_alpha_threshold': 12_406,
  'gopher@datatrove/gopher_too_many_end_ellipsis': 2311,
  'gopher@datatrove/gopher_too_many_bullets': 1904,
  'gopher@datatrove/gopher_too_many_hashes': 212,
  'gopher@datatrove/gopher_below_avg_threshold': 187,
  'gopher@datatrove/top_2_gram': 9120,
  'gopher@datatrove/top_3_gram': 3051,
  'gopher@datatrove/top_4_gram': 1266,
  'gopher@datatrove/duplicated_5_n_grams': 14_873,
  'gopher@datatrove/dup_line_frac': 2988,
  'c4@datatrove/too_few_sentences': 27_430,
  'c4@datatrove/curly_bracket': 4402,
  'c4@datatrove/lorem_ipsum': 61,
  'fineweb@datatrove/line_punct_ratio': 18_765,
  'fineweb@datatrove/short_line_ratio': 7218,
  'fineweb@datatrove/char_dup_ratio': 5630,
  'fineweb@datatrove/list_ratio': 940,
}

function drop(step, rules) {
  return Object.entries(rules).map(([rule, count]) => ({ step, rule, count }))
}

const webDropped = [
  ...drop('decontaminate', { 'gsm8k/test.jsonl': 38, 'hellaswag/validation.jsonl': 5 }),
  ...drop('dedup', { exact: 20_954, near: 66_318 }),
  ...drop('language', { fr: 41_020, de: 33_871, es: 18_004, ru: 9127, und: 2045, score: 6390 }),
  ...drop('read', { empty: 1822 }),
  ...drop('rules', webRules),
]

/** Bars over powers of two from zero on. */
function lengths(counts) {
  return counts.map((count, bar) => ({ from: bar === 0 ? 0 : 2 ** (bar - 1), count }))
}

function sum(counts) {
  return counts.reduce((total, count) => total + count, 0)
}

const webKept = [
  0, 0, 0, 0, 0, 0, 0, 2, 310, 8120, 42_918, 90_406, 121_730, 88_214, 38_077, 12_408, 3301, 702,
  94, 11,
]
const webGone = dropBars(sum(webDropped.map(({ count }) => count)))

/** Most of what is dropped is short. */
function dropBars(total) {
  const shape = [4, 0, 1, 2, 6, 14, 37, 81, 140, 187, 191, 148, 96, 51, 26, 11, 4, 1]
  const bars = shape.map((part) => Math.floor((total * part) / sum(shape)))
  bars[10] += total - sum(bars)
  return bars
}

const webSources = {
  'crawl/2024-10/part-00000.jsonl.zst': 151_220,
  'crawl/2024-10/part-00001.jsonl.zst': 148_006,
  ...Object.fromEntries(
    Array.from({ length: 14 }, (_, at) => [`sites/site-${at + 1}.warc.gz`, 9000 - 410 * at]),
  ),
}

const webPlan = `[read]
text_by = "file"
strict = false
attributes = []

[repair]
mojibake = true
normalize = true
html = true
boilerplate = true

[language]
keep = ["en", "zh"]
min_score = 0.65

[rules]
sets = ["gopher@datatrove", "c4@datatrove", "fineweb@datatrove"]
edit_lines = true

[rules.thresholds]
"gopher@datatrove/gopher_short_doc" = 20.0

[decontaminate]
against = ["gsm8k/test.jsonl", "hellaswag/validation.jsonl"]
ngram = 13

[pii]
mask = ["all"]
style = "placeholder"

[dedup]
exact = true
near = "catena"
keep_if_numbers_differ = false

[split]
validation = 0.01
test = 0.0
seed = 0

[write]
format = "parquet"
`

const kept = sum(webKept)

const web = {
  name: 'corpora/web-2024',
  idle_seconds: 10_900,
  version: '0.1.0',
  fingerprint: '9f3a1c77b20e4d58a6c1f0e29d4b83f5a7e60c1d2b94f8e3075c6a19d8b2e4f1',
  num_inputs: 16,
  bytes_inputs: 912_680_550,
  num_read: kept + sum(webGone),
  bytes_read: 2_918_400_112,
  num_kept: kept,
  bytes_kept: 1_604_922_871,
  rejected: { not_json: 214, text_type: 31, too_long: 9, encoding: 4, damaged: 2, bomb: 1 },
  dropped: webDropped,
  changed: {
    repaired: 20_118,
    extracted: 88_240,
    normalized: 312_007,
    boilerplate: 54_902,
    lines_edited: 120_566,
    masked: 31_095,
  },
  masked: { email: 41_207, phone: 18_330, ip_address: 2204, bank_card: 17, resident_id: 6, jwt: 0 },
  audit: {
    num_documents: kept,
    num_with_matches: 30_877,
    counts: { email: 40_951, phone: 18_112, ip_address: 2190, bank_card: 17, resident_id: 6 },
    samples: [
      { kind: 'email', before: 'contact us at ', value: 'i***************m', after: ' or by post' },
      { kind: 'email', before: 'Autor: ', value: 'k*****************e', after: '' },
      { kind: 'phone', before: '客服电话', value: '0*********1', after: '，工作日 #:##' },
      { kind: 'resident_id', before: '身份证号 ', value: '1****************X', after: '。' },
    ],
  },
  languages_kept: { en: kept - 61_288, zh: 61_288 },
  sources: { ...webSources, '…': kept - sum(Object.values(webSources)) },
  splits: { train: kept - 4061, validation: 4061 },
  lengths: lengths(webKept),
  lengths_dropped: lengths(webGone),
  rules: [
    'gopher@datatrove version 1: DataTrove 0.4.0, filters/gopher_quality_filter.py',
    'c4@datatrove version 1: DataTrove 0.4.0, filters/c4_quality_filter.py',
    'fineweb@datatrove version 1: DataTrove 0.4.0, filters/fineweb_quality_filter.py',
  ],
  plan: webPlan,
}

const mails = {
  ...web,
  name: 'clean',
  idle_seconds: 260_000,
  fingerprint: '51d0b8e7c3f2a96408e1d7b5f4c2a39086e5d1f7b3c8a2e4960f1d5b7c3a8e20',
  num_inputs: 1,
  bytes_inputs: 51_890,
  num_read: 27,
  bytes_read: 49_205,
  num_kept: 26,
  bytes_kept: 48_733,
  rejected: {},
  dropped: drop('dedup', { near: 1 }),
  changed: { repaired: 1, extracted: 0, normalized: 4, masked: 9 },
  masked: { email: 14 },
  audit: {
    num_documents: 26,
    num_with_matches: 9,
    counts: { email: 14 },
    samples: [{ kind: 'email', before: 'From: ', value: 'j**************m', after: ' To: ' }],
  },
  languages_kept: { en: 26 },
  sources: { 'mails.jsonl': 26 },
  splits: { train: 26 },
  lengths: lengths([0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 8, 10, 3]),
  lengths_dropped: lengths([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
  rules: [],
}

export const sets = [web, mails]
