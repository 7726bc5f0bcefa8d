import { CheckOutlined, CopyOutlined } from '@ant-design/icons'
import { Button, Tooltip } from 'antd'
import { useState } from 'react'
import { useI18n } from '../i18n/I18n'

/** Copies `text`; `name` says what that is. */
export function CopyButton({ text, name }: { text: string; name: string }) {
  const { t } = useI18n()
  const [copied, setCopied] = useState(false)
  // Browsers offer the clipboard on https and localhost only.
  if (!window.isSecureContext) return null
  const label = copied ? t('copy.done') : name
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    window.setTimeout(() => setCopied(false), 1500)
  }
  return (
    <Tooltip title={label}>
      <Button
        type="text"
        size="small"
        className="copy"
        icon={copied ? <CheckOutlined /> : <CopyOutlined />}
        aria-label={label}
        onClick={() => void copy().catch(() => undefined)}
      />
    </Tooltip>
  )
}
