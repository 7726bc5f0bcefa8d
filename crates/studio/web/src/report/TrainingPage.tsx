import { Select, Skeleton, Tag } from 'antd'
import { useState } from 'react'
import { useRuns } from '../api/client'
import type { TrainingRun } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { NothingYet, NotLoaded } from './Absent'
import { duration, secondsLeft, stateOf } from './figures'
import { LossCurve } from './LossCurve'
import { Total } from './Total'
import './report.css'

/** The training runs of the project, drawn again while they go on. */
export default function TrainingPage() {
  const { t } = useI18n()
  const runs = useRuns()
  return (
    <div className="report-scroll">
      <div className="report">
        {runs.isPending && <Skeleton active paragraph={{ rows: 12 }} />}
        {runs.isError && <NotLoaded title={t('runs.failed')} error={runs.error} />}
        {runs.isSuccess && runs.data.length === 0 && (
          <NothingYet title={t('runs.none')} hint={t('runs.none.hint')} />
        )}
        {runs.isSuccess && runs.data.length > 0 && <Runs runs={runs.data} />}
      </div>
    </div>
  )
}

function Runs({ runs }: { runs: TrainingRun[] }) {
  const { t } = useI18n()
  const [chosen, setChosen] = useState<string>()
  const run = runs.find((one) => one.name === chosen) ?? runs[0]
  if (run === undefined) return null
  const state = stateOf(run)
  const color = { going: 'processing', done: 'success', ended: 'default' } as const
  return (
    <>
      <header className="report-head">
        <div>
          <h1>{t('nav.training')}</h1>
          <p>{t('runs.subtitle')}</p>
        </div>
        <div className="run-choice">
          <Tag color={color[state]}>{t(`runs.${state}`)}</Tag>
          <Select
            value={run.name}
            onChange={setChosen}
            aria-label={t('runs.choose')}
            popupMatchSelectWidth={false}
            options={runs.map(({ name }) => ({ value: name, label: name }))}
          />
        </div>
      </header>
      <RunFigures run={run} />
      <LossCurve points={run.points} evaluations={run.evaluations} speeds={run.speeds} />
    </>
  )
}

function RunFigures({ run }: { run: TrainingRun }) {
  const { t, locale } = useI18n()
  const last = run.points.at(-1)
  const number = (value: number | undefined, digits = 4) =>
    value === undefined
      ? '–'
      : value.toLocaleString(locale, { maximumSignificantDigits: digits })
  const left = secondsLeft(run)
  const step =
    run.total_steps === null
      ? number(last?.step, 9)
      : `${number(last?.step, 9)} / ${number(run.total_steps, 9)}`
  // Rates are read by their power of ten.
  const rate = last === undefined ? '–' : last.learning_rate.toExponential(2)
  const figures = [
    { name: t('runs.step'), value: step },
    { name: t('loss.loss'), value: number(last?.loss) },
    { name: t('runs.evaluation'), value: number(run.evaluations.at(-1)?.loss) },
    { name: t('loss.rate'), value: rate },
    { name: t('runs.speed'), value: number(run.speeds.at(-1)?.tokens_per_second, 3) },
    { name: t('runs.left'), value: left === undefined ? '–' : duration(left) },
  ]
  return (
    <dl className="totals run-figures">
      {figures.map(({ name, value }) => (
        <Total key={name} name={name} value={value} />
      ))}
    </dl>
  )
}
