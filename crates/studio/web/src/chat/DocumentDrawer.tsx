import { Alert, Drawer, Skeleton } from 'antd'
import { useEffect, useMemo, useRef } from 'react'
import { useDocument } from '../api/client'
import { Failure } from '../api/failure'
import type { Document, Span } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { utf16Span } from '../text/offsets'
import { remarkHighlight } from '../text/remark'
import { Markdown } from '../text/Markdown'
import type { Source } from './sources'

type Props = { source: Source | undefined; open: boolean; onClose: () => void }

/** The whole document a citation points into, opened at the cited passage. */
export function DocumentDrawer({ source, open, onClose }: Props) {
  const { t } = useI18n()
  const document = useDocument(source?.documentId)
  const title = document.data?.title || source?.title || t('document.untitled')
  return (
    <Drawer
      open={open}
      onClose={onClose}
      size="min(640px, 100vw)"
      rootClassName="document-drawer"
      title={
        <div className="document-title">
          {source !== undefined && <span className="source-number">{source.number}</span>}
          <span>{title}</span>
        </div>
      }
    >
      {source !== undefined && (
        <>
          <p className="document-legend">
            <mark>{t('document.cited')}</mark>
            <code>{source.documentId}</code>
          </p>
          {document.isPending && (
            <Skeleton active paragraph={{ rows: 8 }} aria-label={t('document.loading')} />
          )}
          {document.isError && <DocumentFailure error={document.error} />}
          {document.isSuccess && (
            <DocumentText
              key={`${source.documentId} ${source.span.start} ${source.span.end}`}
              document={document.data}
              bytes={source.span}
            />
          )}
        </>
      )}
    </Drawer>
  )
}

function DocumentFailure({ error }: { error: Error }) {
  const { t } = useI18n()
  const missing = error instanceof Failure && error.kind === 'missing'
  return (
    <Alert
      type="error"
      showIcon
      title={t(missing ? 'document.missing' : 'document.failed')}
    />
  )
}

function DocumentText({ document, bytes }: { document: Document; bytes: Span }) {
  const box = useRef<HTMLElement>(null)
  const source = document.content
  const { start, end } = bytes
  const plugins = useMemo(() => {
    const options = { source, span: utf16Span(source, { start, end }) }
    return [[remarkHighlight, options] as [typeof remarkHighlight, typeof options]]
  }, [source, start, end])

  useEffect(() => {
    // The drawer slides in; scrolling before it has its size would aim beside the passage.
    const timer = window.setTimeout(() => {
      const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches
      const cited = box.current?.querySelector('mark, .cited-code')
      cited?.scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' })
    }, 250)
    return () => window.clearTimeout(timer)
  }, [])

  return (
    <article ref={box} className="document-text">
      <Markdown source={source} plugins={plugins} />
    </article>
  )
}
