import { useMemo } from 'react'
import type { Json } from '../api/types'
import { Chart } from '../charts/Chart'
import type { ChartOption } from '../charts/echarts'
import { useChartStyle, type ChartStyle } from '../charts/style'
import { useI18n } from '../i18n/I18n'
import { Figures } from './Figures'
import { percent } from './figures'
import { Panel } from './Panel'
import { readProfile, type Histogram, type RuleCount } from './profile'

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
  const { read, kept, dropped, masked, changed, histogram, rest } = profile
  return (
    <Panel title={t('profile.title')} note={t('profile.note')}>
      {read !== undefined && kept !== undefined && <Kept read={read} kept={kept} />}
      <div className="profile">
        <div className="profile-rules">
          <Rules title={t('profile.dropped')} rules={dropped} tone="bad" />
          <Rules title={t('profile.masked')} rules={masked} tone="primary" />
          {changed.length > 0 && <Rules title={t('profile.changed')} rules={changed} tone="slate" />}
        </div>
        {histogram !== undefined && <Lengths histogram={histogram} />}
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

type RulesProps = { title: string; rules: RuleCount[]; tone: 'bad' | 'primary' | 'slate' }

function Rules({ title, rules, tone }: RulesProps) {
  const { t, term, locale } = useI18n()
  const most = Math.max(1, ...rules.map((rule) => rule.count))
  return (
    <div className="rules" data-tone={tone}>
      <h3>{title}</h3>
      {rules.length === 0 && <p className="nothing">{t('profile.byRule.none')}</p>}
      <dl>
        {rules.map(({ rule, count }) => (
          <div key={rule}>
            <dt>{term(rule)}</dt>
            <dd>
              <span className="rule-bar" aria-hidden="true">
                <i style={{ width: `${(100 * count) / most}%` }} />
              </span>
              {count.toLocaleString(locale)}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  )
}

function Lengths({ histogram }: { histogram: Histogram }) {
  const { t, term, locale } = useI18n()
  const style = useChartStyle()
  const unit = histogram.unit === '' ? '' : term(histogram.unit)
  const option = useMemo(
    () => histogramOption(style, histogram, unit, locale),
    [style, histogram, unit, locale],
  )
  return (
    <div className="lengths">
      <h3>{t('profile.lengths')}</h3>
      <Chart option={option} height={300} label={t('profile.lengths')} />
    </div>
  )
}

function histogramOption(
  style: ChartStyle,
  { edges, counts }: Histogram,
  unit: string,
  locale: string,
): ChartOption {
  const number = (value: number) => value.toLocaleString(locale, { maximumFractionDigits: 0 })
  const names = counts.map((_, index) => {
    const from = edges[index] ?? 0
    const to = edges[index + 1] ?? Number.POSITIVE_INFINITY
    return Number.isFinite(to) ? `${number(from)}–${number(to)}` : `≥ ${number(from)}`
  })
  return {
    textStyle: style.text,
    animationDuration: 400,
    grid: { left: 4, right: 8, top: 12, bottom: unit === '' ? 4 : 24, containLabel: true },
    tooltip: { ...style.tooltip, trigger: 'axis', axisPointer: { type: 'none' } },
    xAxis: {
      ...style.labelAxis,
      type: 'category',
      data: names,
      name: unit,
      nameLocation: 'middle',
      nameGap: 28,
      axisLabel: { color: style.palette.muted, fontSize: 11, hideOverlap: true },
    },
    yAxis: { ...style.valueAxis, type: 'value', minInterval: 1, splitNumber: 4 },
    series: [
      {
        type: 'bar',
        data: counts,
        barCategoryGap: '12%',
        itemStyle: { color: style.palette.primary, borderRadius: [3, 3, 0, 0] },
      },
    ],
  }
}
