import { Segmented } from 'antd'
import { useMemo, useState } from 'react'
import type { Json } from '../api/types'
import { Chart } from '../charts/Chart'
import type { ChartOption } from '../charts/echarts'
import { histogramOption } from '../charts/histogram'
import { useChartStyle, type ChartStyle } from '../charts/style'
import { useI18n } from '../i18n/I18n'
import { Bars } from './Bars'
import type { Count } from './counts'
import { Figures } from './Figures'
import { percent } from './figures'
import { Panel } from './Panel'
import { readProfile, type Distribution, type Histogram } from './profile'

/** What the data stage read, kept, dropped and masked, and how long the texts are. */
export function DataProfile({ profile: json }: { profile: Json }) {
  const { t, term } = useI18n()
  const profile = useMemo(() => readProfile(json), [json])
  if (profile === undefined) {
    return (
      <Panel title={t('profile.title')}>
        <p className="nothing">{t('profile.none')}</p>
      </Panel>
    )
  }
  const { read, kept, dropped, masked, lengths, rest } = profile
  return (
    <Panel title={t('profile.title')} note={t('profile.note')}>
      {read !== undefined && kept !== undefined && <Kept read={read} kept={kept} />}
      <div className="profile">
        <div className="profile-rules">
          <Rules title={t('profile.dropped')} rules={dropped} tone="bad" />
          <Rules title={t('profile.masked')} rules={masked} tone="primary" />
        </div>
        {lengths.length > 0 && <Lengths lengths={lengths} />}
      </div>
      {rest.map(({ group, figures }) => (
        <div key={group} className="profile-rest">
          <h3>{group === '' ? t('profile.figures') : term(group)}</h3>
          <Figures figures={figures} />
        </div>
      ))}
    </Panel>
  )
}

function Kept({ read, kept }: { read: number; kept: number }) {
  const { t, locale } = useI18n()
  const share = read > 0 ? kept / read : 0
  return (
    <div className="kept">
      <p>
        <b>{kept.toLocaleString(locale)}</b> {t('profile.kept')}
        <span>
          {' / '}
          {read.toLocaleString(locale)} {t('profile.documents')}
        </span>
        <span className="kept-share">{percent(share, locale)}</span>
      </p>
      <div className="kept-bar">
        <i style={{ width: `${100 * Math.min(1, share)}%` }} />
      </div>
    </div>
  )
}

type RulesProps = { title: string; rules: Count[]; tone: 'bad' | 'primary' }

function Rules({ title, rules, tone }: RulesProps) {
  const { term } = useI18n()
  const bars = rules.map(({ name, count }) => ({ key: name, label: term(name), count }))
  return <Bars title={title} bars={bars} tone={tone} />
}

/** One length at a time: its histogram, and its figures under it. */
function Lengths({ lengths }: { lengths: Distribution[] }) {
  const { t, term, locale } = useI18n()
  const style = useChartStyle()
  const [unit, setUnit] = useState(lengths[0]?.unit)
  const shown = lengths.find((each) => each.unit === unit) ?? lengths[0]
  const option = useMemo(
    () =>
      shown === undefined
        ? {}
        : lengthOption(style, term('documents'), shown.histogram, locale),
    [style, shown, term, locale],
  )
  if (shown === undefined) return null
  return (
    <div className="lengths">
      <div className="panel-head">
        <h3>{t('profile.lengths')}</h3>
        {lengths.length > 1 && (
          <Segmented
            size="small"
            value={shown.unit}
            onChange={setUnit}
            aria-label={t('profile.lengths')}
            options={lengths.map((each) => ({ value: each.unit, label: term(each.unit) }))}
          />
        )}
      </div>
      <Chart
        option={option}
        height={240}
        label={`${t('profile.lengths')}: ${term(shown.unit)}`}
      />
      <Figures figures={shown.figures} />
    </div>
  )
}

function lengthOption(
  style: ChartStyle,
  name: string,
  { edges, counts }: Histogram,
  locale: string,
): ChartOption {
  const number = (value: number) => value.toLocaleString(locale, { maximumFractionDigits: 0 })
  const ranges = counts.map((_, index) => {
    const [from = 0, to = 0] = edges.slice(index, index + 2)
    return `${number(from)}–${number(to)}`
  })
  return histogramOption(style, ranges, [{ name, counts, colour: style.palette.primary }], locale)
}
