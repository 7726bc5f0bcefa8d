// Invented documents of an invented bank, with characters of every length in UTF-8.

export const documents = [
  {
    id: 'doc_cards_disputes_014',
    title: 'Filing a credit card transaction dispute',
    content: `## When a charge can be disputed

A charge can be disputed up to **60 days** after the statement on which it first appears — whatever the amount. Pending charges cannot be disputed; wait until they are posted.

## How to file

1. Open the transaction in the app and choose *Dispute this charge*.
2. Say what is wrong: not mine, wrong amount, or not received.
3. Attach a receipt if you have one (PDF or photo, up to 10 MB).

We credit the amount provisionally within **2 business days** and decide within 45 days. You keep the provisional credit unless the merchant proves the charge.

## Fees

| Step | Fee |
| --- | --- |
| Filing a dispute | €0 |
| Copy of a sales slip | €5 per slip |
| Arbitration | €0 if you win, €25 otherwise |

Filing is free of charge. See \`dispute_status\` in the app for where your case stands.`,
  },
  {
    id: 'doc_accounts_(general)_004',
    title: 'What is an authorization hold?',
    content: `An authorization hold reserves money for a purchase that has not been posted yet. Hotels and petrol stations often hold more than the final price.

A hold is released when the merchant posts the charge, or by itself after **7 days** (30 days for hotels and car rental). We cannot release a hold earlier; only the merchant can.

> Holds lower your *available* balance, not your *current* balance.`,
  },
  {
    id: 'doc_savings_gold_012',
    title: 'Gold Account: transfers to external banks',
    content: `Transfers to external banks are free six times a month; each further one costs $3. The daily limit is $10 000 – ask us to raise it for a house purchase.

“Instant” transfers arrive in 10 seconds, others on the next business day. 🏦 Transfers to banks abroad go through SWIFT or SEPA.`,
  },
  {
    id: 'doc_cards_lost_003',
    title: '信用卡遗失或被盗怎么办',
    content: `发现信用卡遗失后，请立即在应用中**冻结卡片**，或拨打卡片背面的客服电话。冻结立即生效，之后的交易由本行承担。

补发新卡免费，3–5 个工作日寄达；加急寄送需 15 元。冻结前 72 小时内的未授权交易，可在 60 天内申请退款。`,
  },
]

/** The byte span of `quote` in a document, as the server counts. */
export function spanOf(id, quote) {
  const { content } = documents.find((document) => document.id === id)
  const at = content.indexOf(quote)
  if (at < 0) throw new Error(`no such text in ${id}: ${quote}`)
  const start = Buffer.byteLength(content.slice(0, at))
  return { start, end: start + Buffer.byteLength(quote) }
}
