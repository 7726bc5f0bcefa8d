import type { CuratedSet } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { Panel } from '../report/Panel'
import { CountBars } from './CountBars'
import { asCode } from './labels'

/** What the operators changed in the documents that were read. */
export function Changes({ set }: { set: CuratedSet }) {
  const { t, term } = useI18n()
  return (
    <Panel title={t('changes.title')} note={t('changes.note')}>
      <div className="counts">
        <CountBars
          title={t('changes.documents')}
          counts={set.changed}
          label={(operator) => term(operator, 'operator')}
          tone="primary"
        />
        <CountBars
          title={t('changes.masked')}
          counts={set.masked}
          label={asCode}
          tone="primary"
        />
      </div>
    </Panel>
  )
}
