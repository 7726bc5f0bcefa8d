import { DownOutlined, FileTextOutlined } from '@ant-design/icons'
import { useState } from 'react'
import type { Citation, Passage } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { sourcesOf, type Source } from './sources'

type Props = {
  citations: Citation[]
  passages: Passage[]
  onOpen: (source: Source) => void
}

/** The numbered sources under an answer, and on request the passages it did not use. */
export function SourceList({ citations, passages, onOpen }: Props) {
  const { t } = useI18n()
  const [open, setOpen] = useState(false)
  const { cited, unused } = sourcesOf(citations, passages)
  return (
    <section className="sources" aria-label={t('sources.title')}>
      {cited.length > 0 && (
        <>
          <h3>{t('sources.title')}</h3>
          <Cards sources={cited} onOpen={onOpen} />
        </>
      )}
      {unused.length > 0 && (
        <>
          <button
            type="button"
            className="sources-more"
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            <FileTextOutlined />
            {t(cited.length > 0 ? 'sources.more' : 'sources.found', { count: unused.length })}
            <DownOutlined rotate={open ? 180 : 0} />
          </button>
          {open && <Cards sources={unused} onOpen={onOpen} />}
        </>
      )}
    </section>
  )
}

function Cards({ sources, onOpen }: { sources: Source[]; onOpen: (source: Source) => void }) {
  const { t } = useI18n()
  return (
    <ol className="source-cards">
      {sources.map((source) => {
        const { number, documentId, span } = source
        const title = source.title || documentId
        return (
          <li key={`${number} ${documentId} ${span.start}`}>
            <button
              type="button"
              className="source"
              aria-label={t('sources.open', { number, title })}
              onClick={() => onOpen(source)}
            >
              <span className="source-number">{number}</span>
              <span className="source-title">{title}</span>
              <span className="source-text">{plain(source.text)}</span>
            </button>
          </li>
        )
      })}
    </ol>
  )
}

/** A passage on one line: Markdown's signs only disturb there. */
function plain(text: string): string {
  return text
    .replace(/^\s*(?:#{1,6}|>|[-*+]|\d+[.)])\s+/gm, '')
    .replace(/[*`|]+/g, '')
    .replace(/\s+/g, ' ')
    .trim()
}
