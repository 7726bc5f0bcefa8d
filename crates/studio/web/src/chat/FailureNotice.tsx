import { Alert, Button, Space } from 'antd'
import type { Failure } from '../api/failure'
import { useI18n } from '../i18n/I18n'

type Props = { failure: Failure; onRetry?: () => void; onNew?: () => void }

/** What went wrong, what to do, and the button that does it. */
export function FailureNotice({ failure, onRetry, onNew }: Props) {
  const { t } = useI18n()
  const { kind, detail } = failure
  const renew = kind === 'too_long' ? onNew : undefined
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
          {(onRetry !== undefined || renew !== undefined) && (
            <Space>
              {onRetry !== undefined && (
                <Button size="small" onClick={onRetry}>
                  {t('chat.retry')}
                </Button>
              )}
              {renew !== undefined && (
                <Button size="small" onClick={renew}>
                  {t('chat.new')}
                </Button>
              )}
            </Space>
          )}
        </>
      }
    />
  )
}
