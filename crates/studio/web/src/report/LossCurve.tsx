import { Segmented } from 'antd'
import { useMemo, useState } from 'react'
import type { LossPoint, TrainingRun } from '../api/types'
import { Chart } from '../charts/Chart'
import type { ChartOption } from '../charts/echarts'
import { useChartStyle, type ChartStyle } from '../charts/style'
import { useI18n } from '../i18n/I18n'
import { smoothed, smoothingFor } from './figures'
import { Panel } from './Panel'

type Shown = 'loss' | 'rate' | 'norm' | 'speed'

type Props = { points: LossPoint[] } & Partial<Pick<TrainingRun, 'evaluations' | 'speeds'>>

const nothing: never[] = []

const fields = { loss: 'loss', rate: 'learning_rate', norm: 'grad_norm' } as const

/**
 * The training curve: loss with its smoothed line and evaluations, learning rate, gradient norm, or
 * speed where it is known.
 */
export function LossCurve({ points, evaluations = nothing, speeds = nothing }: Props) {
  const { t, locale } = useI18n()
  const style = useChartStyle()
  const [shown, setShown] = useState<Shown>('loss')
  const option = useMemo(() => {
    const values =
      shown === 'speed'
        ? speeds.map(({ step, tokens_per_second }): [number, number] => [step, tokens_per_second])
        : points.map((point): [number, number] => [point.step, point[fields[shown]]])
    const decay = smoothingFor(points.length)
    const smooth = smoothed(points, decay).map((loss, index): [number, number] => [
      points[index]?.step ?? index,
      loss,
    ])
    const names = { step: t('loss.step'), smooth: t('loss.smoothed'), each: t('loss.each') }
    const title = shown === 'speed' ? t('runs.speed') : t(`loss.${shown}`)
    const one = { name: title, values, color: style.palette.primary, width: 2 }
    const faint = { name: names.each, values, color: style.palette.slate, width: 1 }
    const bold = { ...one, name: names.smooth, values: smooth, width: 2.5 }
    const measured = {
      name: t('runs.evaluation'),
      values: evaluations.map(({ step, loss }): [number, number] => [step, loss]),
      color: style.palette.amber,
      width: 2,
    }
    const losses = evaluations.length > 0 ? [faint, bold, measured] : [faint, bold]
    return curveOption(style, names.step, shown === 'loss' ? losses : [one], locale)
  }, [points, evaluations, speeds, shown, style, t, locale])
  const label = shown === 'speed' ? t('runs.speed') : t(`loss.${shown}`)

  return (
    <Panel
      title={t('loss.title')}
      note={t('loss.note', { count: points.length })}
      tools={
        points.length > 0 && (
          <Segmented<Shown>
            value={shown}
            onChange={setShown}
            aria-label={t('loss.show')}
            options={[
              { value: 'loss', label: t('loss.loss') },
              { value: 'rate', label: t('loss.rate') },
              { value: 'norm', label: t('loss.norm') },
              ...(speeds.length > 0 ? [{ value: 'speed' as const, label: t('runs.speed') }] : []),
            ]}
          />
        )
      }
    >
      {points.length > 0 ? (
        <Chart option={option} height={300} label={`${t('loss.title')}: ${label}`} />
      ) : (
        <p className="nothing">{t('chart.none')}</p>
      )}
    </Panel>
  )
}

type Line = { name: string; values: [number, number][]; color: string; width: number }

function curveOption(style: ChartStyle, step: string, lines: Line[], locale: string): ChartOption {
  const format = (value: unknown) =>
    Number(value).toLocaleString(locale, { maximumSignificantDigits: 4 })
  return {
    textStyle: style.text,
    animationDuration: 400,
    grid: { left: 4, right: 16, top: lines.length > 1 ? 36 : 16, bottom: 4, containLabel: true },
    legend: { ...style.legend, show: lines.length > 1 },
    tooltip: { ...style.tooltip, trigger: 'axis', valueFormatter: format },
    xAxis: {
      ...style.labelAxis,
      type: 'value',
      min: 'dataMin',
      max: 'dataMax',
      minInterval: 1,
      axisLabel: { color: style.palette.muted, formatter: `{value}`, hideOverlap: true },
      name: step,
      nameLocation: 'middle',
      nameGap: 26,
    },
    yAxis: {
      ...style.valueAxis,
      type: 'value',
      scale: lines.length > 1,
      axisLabel: { color: style.palette.muted, formatter: format },
    },
    series: lines.map((line) => ({
      type: 'line',
      name: line.name,
      data: line.values,
      showSymbol: line.values.length < 2,
      symbol: 'circle',
      sampling: 'lttb',
      color: line.color,
      lineStyle: { width: line.width, color: line.color },
      emphasis: { disabled: true },
    })),
  }
}
