import { Button, Empty, Result } from 'antd'
import type { ReactNode } from 'react'
import { Failure } from '../api/failure'
import { useI18n } from '../i18n/I18n'

/** In place of a page that has nothing to show yet: what is missing, and how to make it. */
export function NothingYet({ title, hint }: { title: string; hint: ReactNode }) {
  return (
    <Empty
      className="no-report"
      image={Empty.PRESENTED_IMAGE_SIMPLE}
      description={
        <>
          <h1>{title}</h1>
          <p>{hint}</p>
        </>
      }
    />
  )
}

type Props = { title: string; error: Error; onRetry?: () => void }

/** In place of a page that could not be loaded: why, and what to do. */
export function NotLoaded({ title, error, onRetry }: Props) {
  const { t } = useI18n()
  const kind = error instanceof Failure ? error.kind : 'server'
  return (
    <Result
      status="error"
      title={title}
      subTitle={`${t(`failure.${kind}`)}. ${t(`failure.${kind}.hint`)}`}
      extra={onRetry && <Button onClick={onRetry}>{t('chat.retry')}</Button>}
    />
  )
}
