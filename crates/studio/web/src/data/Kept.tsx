import type { CuratedSet } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { Panel } from '../report/Panel'
import { CountBars } from './CountBars'
import { asCode, asLanguage } from './labels'
import { sourcesOf } from './sets'

/** The documents that stayed: in which languages, from where, and in which splits. */
export function Kept({ set }: { set: CuratedSet }) {
  const { t } = useI18n()
  const { named, rest } = sourcesOf(set)
  return (
    <Panel title={t('kept.title')} note={t('kept.note')}>
      <div className="counts">
        <CountBars
          title={t('kept.languages')}
          counts={set.languages_kept}
          label={asLanguage}
          tone="teal"
        />
        <CountBars
          title={t('kept.sources')}
          counts={named}
          rest={rest}
          label={asCode}
          tone="teal"
        />
        <CountBars title={t('kept.splits')} counts={set.splits} label={asCode} tone="teal" />
      </div>
    </Panel>
  )
}
