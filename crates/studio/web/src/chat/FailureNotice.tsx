import { Alert, Button, Space } from 'antd'
import type { Failure } from '../api/failure'
import { useI18n } from '../i18n/I18n'

type Props = { failure: Failure; onRetry?: () => void; onNew?: () => void }

/** What went wrong, what to do, and the button that does it. */
export function FailureNotice({ failure, onRetry, onNew }: Props) {
  const { t } = useI18n()
  const { kind, detail } = failure
  return (
    <Alert
      type={kind === 'overloaded' ? 'warning' : 'error'}
      showIcon
      className="failure"
      title={t(`failure.${kind}`)}
      description={
        <>
          <p>{t(`failure.${kind}.hint`)}</p>
          {detail !== undefined && <p className="failure-detail">{detail}</p>}
          <Space>
            {onRetry !== undefined && (
              <Button size="small" onClick={onRetry}>
                {t('chat.retry')}
              </Button>
            )}
            {kind === 'too_long' && onNew !== undefined && (
              <Button size="small" onClick={onNew}>
                {t('chat.new')}
              </Button>
            )}
          </Space>
        </>
      }
    />
  )
}
