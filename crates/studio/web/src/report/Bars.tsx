import type { ReactNode } from 'react'
import { useI18n } from '../i18n/I18n'

/** A named count. */
export type Bar = { key: string; label: ReactNode; count: number }

type Props = {
  title: string
  bars: Bar[]
  /** The sum of what is not shown. */
  others?: number
  tone: 'bad' | 'primary' | 'teal'
}

/** Counts as bars below each other, each with its name and number. */
export function Bars({ title, bars, others = 0, tone }: Props) {
  const { t, locale } = useI18n()
  const most = Math.max(1, others, ...bars.map((bar) => bar.count))
  const rest = others > 0 ? [{ key: '', label: t('bars.others'), count: others }] : []
  return (
    <div className="bars" data-tone={tone}>
      <h3>{title}</h3>
      {bars.length === 0 && <p className="nothing">{t('bars.none')}</p>}
      <dl>
        {[...bars, ...rest].map(({ key, label, count }) => (
          <div key={key}>
            <dt>{label}</dt>
            <dd>
              <span className="bar" aria-hidden="true">
                <i style={{ width: `${(100 * count) / most}%` }} />
              </span>
              <span>{count.toLocaleString(locale)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
