// Canned answers, with the passages and citations a real server would send.
import { documents, spanOf } from './documents.mjs'

function passage(number, id, text) {
  const { title } = documents.find((document) => document.id === id)
  return { number, document_id: id, title, span: spanOf(id, text), text }
}

function citation(number, id, quote) {
  const { text, ...rest } = passage(number, id, quote)
  return { ...rest, quote: text }
}

const english = {
  text:
    'You have **60 days** after the statement on which the charge first appears [1]. Open the ' +
    'transaction in the app, choose *Dispute this charge*, and say what is wrong [1]. While it is ' +
    'pending, the amount is only an authorization hold, which is released after 7 days [2].\n\n' +
    '- We credit the amount provisionally within 2 business days [1].\n' +
    '- Filing is free of charge.\n\nNothing else applies in [2024].',
  passages: [
    passage(
      1,
      'doc_cards_disputes_014',
      'A charge can be disputed up to **60 days** after the statement on which it first appears — whatever the amount. Pending charges cannot be disputed; wait until they are posted.',
    ),
    passage(
      2,
      'doc_accounts_(general)_004',
      'A hold is released when the merchant posts the charge, or by itself after **7 days** (30 days for hotels and car rental).',
    ),
    passage(
      3,
      'doc_savings_gold_012',
      'Transfers to external banks are free six times a month; each further one costs $3.',
    ),
  ],
  citations: [
    citation(
      1,
      'doc_cards_disputes_014',
      'A charge can be disputed up to **60 days** after the statement on which it first appears — whatever the amount.',
    ),
    citation(2, 'doc_accounts_(general)_004', 'or by itself after **7 days** (30 days for hotels and car rental)'),
  ],
}

const chinese = {
  text: '请立即在应用中冻结卡片，或拨打卡片背面的客服电话 [1]。冻结立即生效，之后的交易由本行承担 [1]。补发新卡免费，3–5 个工作日寄达 [1]。',
  passages: [
    passage(
      1,
      'doc_cards_lost_003',
      '发现信用卡遗失后，请立即在应用中**冻结卡片**，或拨打卡片背面的客服电话。冻结立即生效，之后的交易由本行承担。',
    ),
    passage(2, 'doc_accounts_(general)_004', english.passages[1].text),
  ],
  citations: [citation(1, 'doc_cards_lost_003', '冻结立即生效，之后的交易由本行承担。')],
}

/** The answer to a question: Chinese to Chinese, else English. */
export function answerTo(question) {
  return /\p{Script=Han}/u.test(question) ? chinese : english
}

export const sample = {
  question: 'How long do I have to dispute a charge?',
  text: 'You can dispute a charge up to 60 days after the statement on which it first appears [1].',
  citations: [english.citations[0]],
}
