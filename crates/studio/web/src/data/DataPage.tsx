import { Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useSets } from '../api/client'
import type { CuratedSet } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { NothingYet, NotLoaded } from '../report/Absent'
import { ago } from '../report/figures'
import '../report/report.css'
import { Audit } from './Audit'
import { Changes } from './Changes'
import './data.css'
import { Drops } from './Drops'
import { Kept } from './Kept'
import { Lengths } from './Lengths'
import { Recipe } from './Recipe'
import { SetFigures } from './SetFigures'

/** The cleaned data sets of the project, one at a time. */
export default function DataPage() {
  const { t } = useI18n()
  const sets = useSets()
  return (
    <div className="report-scroll">
      <div className="report">
        {sets.isPending && <Skeleton active paragraph={{ rows: 12 }} />}
        {sets.isError && (
          <NotLoaded
            title={t('sets.failed')}
            error={sets.error}
            onRetry={() => void sets.refetch()}
          />
        )}
        {sets.isSuccess && sets.data.length === 0 && (
          <NothingYet title={t('sets.none')} hint={<HowToMake />} />
        )}
        {sets.isSuccess && sets.data.length > 0 && <Sets sets={sets.data} />}
      </div>
    </div>
  )
}

function HowToMake() {
  const { t } = useI18n()
  return (
    <>
      {t('sets.none.hint')}
      <code className="command">catena data clean docs --out clean</code>
    </>
  )
}

function Sets({ sets }: { sets: CuratedSet[] }) {
  const { t, locale } = useI18n()
  const [chosen, setChosen] = useState<string>()
  const set = sets.find((one) => one.name === chosen) ?? sets[0]
  if (set === undefined) return null
  return (
    <>
      <header className="report-head">
        <div>
          <h1>{t('nav.data')}</h1>
          <p>{t('sets.subtitle', { version: set.version, when: ago(set.idle_seconds, locale) })}</p>
        </div>
        {sets.length > 1 ? (
          <Select
            value={set.name}
            onChange={setChosen}
            aria-label={t('sets.choose')}
            popupMatchSelectWidth={false}
            options={sets.map(({ name }) => ({ value: name, label: name }))}
          />
        ) : (
          <code className="set-name">{set.name}</code>
        )}
      </header>
      <SetFigures set={set} />
      <Drops set={set} />
      <Lengths kept={set.lengths} dropped={set.lengths_dropped} />
      <Kept set={set} />
      <Changes set={set} />
      {set.audit !== undefined && <Audit audit={set.audit} />}
      <Recipe set={set} />
    </>
  )
}
