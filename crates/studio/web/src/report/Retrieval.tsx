import { useMemo } from 'react'
import type { RetrievalMethod, RetrievalMetrics, RunReport } from '../api/types'
import { Chart } from '../charts/Chart'
import type { ChartOption } from '../charts/echarts'
import { useChartStyle, type ChartStyle } from '../charts/style'
import { useI18n } from '../i18n/I18n'
import { metric } from './figures'
import { Panel } from './Panel'

const methods: RetrievalMethod[] = ['keyword', 'dense', 'hybrid']

const measures: { name: keyof RetrievalMetrics; label: string }[] = [
  { name: 'recall_at_5', label: 'recall@5' },
  { name: 'recall_at_10', label: 'recall@10' },
  { name: 'recall_at_20', label: 'recall@20' },
  { name: 'mrr', label: 'MRR' },
]

/** How well each search method finds the labelled documents: a chart, and the figures under it. */
export function Retrieval({ retrieval }: { retrieval: RunReport['retrieval'] }) {
  const { t, locale } = useI18n()
  const style = useChartStyle()
  const option = useMemo(() => {
    const { amber, teal, primary } = style.palette
    const colours = { keyword: amber, dense: teal, hybrid: primary }
    const groups = methods.map((method) => ({
      name: t(`retrieval.${method}`),
      colour: colours[method],
      values: measures.map((measure) => retrieval[method][measure.name]),
    }))
    return groupOption(style, groups, locale)
  }, [retrieval, style, t, locale])
  return (
    <Panel title={t('retrieval.title')} note={t('retrieval.note')}>
      <Chart option={option} height={260} label={t('retrieval.title')} />
      <div className="table-scroll">
        <table className="numbers">
          <thead>
            <tr>
              <th aria-label={t('retrieval.title')} />
              {measures.map(({ name, label }) => (
                <th key={name} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {methods.map((method) => (
              <tr key={method}>
                <th scope="row">{t(`retrieval.${method}`)}</th>
                {measures.map(({ name }) => (
                  <td key={name}>{metric(retrieval[method][name], locale)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}

type Group = { name: string; colour: string; values: number[] }

function groupOption(style: ChartStyle, groups: Group[], locale: string): ChartOption {
  return {
    textStyle: style.text,
    animationDuration: 400,
    grid: { left: 4, right: 4, top: 40, bottom: 4, containLabel: true },
    legend: style.legend,
    tooltip: {
      ...style.tooltip,
      trigger: 'axis',
      axisPointer: { type: 'shadow', shadowStyle: { color: style.palette.sunken, opacity: 0.6 } },
      valueFormatter: (value: unknown) => metric(Number(value), locale),
    },
    xAxis: {
      ...style.labelAxis,
      type: 'category',
      data: measures.map((measure) => measure.label),
      axisLabel: { color: style.palette.muted, fontSize: 11.5, interval: 0 },
    },
    yAxis: { ...style.valueAxis, type: 'value', min: 0, splitNumber: 4 },
    series: groups.map((group) => ({
      type: 'bar',
      name: group.name,
      data: group.values,
      barGap: '12%',
      barCategoryGap: '34%',
      itemStyle: { color: group.colour, borderRadius: [4, 4, 0, 0] },
    })),
  }
}
