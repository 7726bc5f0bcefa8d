import { useMemo } from 'react'
import type { QualityMetrics, RunReport } from '../api/types'
import { Chart } from '../charts/Chart'
import type { ChartOption } from '../charts/echarts'
import { useChartStyle, type ChartStyle } from '../charts/style'
import { useI18n } from '../i18n/I18n'
import { Change } from './Change'
import { metric, relativeChange } from './figures'
import { Panel } from './Panel'

const metrics: { name: keyof QualityMetrics; lowerIsBetter: boolean }[] = [
  { name: 'answer_loss', lowerIsBetter: true },
  { name: 'token_f1', lowerIsBetter: false },
  { name: 'citation_accuracy', lowerIsBetter: false },
]

const models = ['before', 'after', 'quantized'] as const

/** Answer quality of the base, the fine-tuned and the quantized model, a chart for each metric. */
export function Quality({ report }: { report: RunReport }) {
  const { t } = useI18n()
  return (
    <Panel title={t('quality.title')} note={t('quality.note')}>
      <div className="quality">
        {metrics.map(({ name, lowerIsBetter }) => (
          <Metric key={name} name={name} lowerIsBetter={lowerIsBetter} report={report} />
        ))}
      </div>
    </Panel>
  )
}

type Props = { name: keyof QualityMetrics; lowerIsBetter: boolean; report: RunReport }

function Metric({ name, lowerIsBetter, report }: Props) {
  const { t, locale } = useI18n()
  const style = useChartStyle()
  const bars = useMemo(() => {
    const { slate, primary, teal } = style.palette
    const colours = { before: slate, after: primary, quantized: teal }
    return models.map((model) => ({
      name: t(`quality.${model}`),
      value: report[model][name],
      colour: colours[model],
    }))
  }, [report, name, style, t])
  const option = useMemo(() => barOption(style, bars, locale), [style, bars, locale])
  const before = report.before[name]
  const changes = (['after', 'quantized'] as const).map((model) => ({
    model,
    share: relativeChange(before, report[model][name]),
  }))
  return (
    <div className="metric">
      <h3>{t(`quality.${name}`)}</h3>
      <p>{t(`quality.${name}.note`)}</p>
      <Chart
        option={option}
        height={190}
        label={`${t(`quality.${name}`)}: ${bars
          .map((bar) => `${bar.name} ${metric(bar.value, locale)}`)
          .join(', ')}`}
      />
      <ul className="metric-changes">
        {changes.map(({ model, share }) => (
          <li key={model}>
            <span>{t(`quality.${model}`)}</span>
            {share === undefined ? '–' : <Change share={share} lowerIsBetter={lowerIsBetter} />}
          </li>
        ))}
      </ul>
    </div>
  )
}

type Bar = { name: string; value: number; colour: string }

function barOption(style: ChartStyle, bars: Bar[], locale: string): ChartOption {
  return {
    textStyle: style.text,
    animationDuration: 400,
    grid: { left: 4, right: 4, top: 24, bottom: 4, containLabel: true },
    tooltip: {
      ...style.tooltip,
      trigger: 'item',
      valueFormatter: (value: unknown) => metric(Number(value), locale),
    },
    xAxis: {
      ...style.labelAxis,
      type: 'category',
      data: bars.map((bar) => bar.name),
      axisLabel: { color: style.palette.muted, fontSize: 12, interval: 0 },
    },
    yAxis: { type: 'value', show: false, min: 0 },
    series: [
      {
        type: 'bar',
        barWidth: '52%',
        data: bars.map((bar) => ({
          value: bar.value,
          itemStyle: { color: bar.colour, borderRadius: [5, 5, 0, 0] },
        })),
        label: {
          show: true,
          position: 'top',
          color: style.palette.ink,
          fontWeight: 600,
          formatter: ({ value }: { value: number }) => metric(value, locale),
        },
      },
    ],
  }
}
