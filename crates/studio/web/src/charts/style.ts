import { useMemo } from 'react'
import { useScheme } from '../app/preferences'
import { fontFamily, paletteOf, type Palette } from '../app/theme'

/** What every chart shares: colours, axes, tooltip and legend of the studio's one style. */
export type ChartStyle = {
  palette: Palette
  text: object
  tooltip: object
  legend: object
  valueAxis: object
  labelAxis: object
}

export function chartStyle(palette: Palette): ChartStyle {
  const label = { color: palette.muted, fontSize: 12 }
  return {
    palette,
    text: { fontFamily, color: palette.ink },
    tooltip: {
      confine: true,
      backgroundColor: palette.surface,
      borderColor: palette.line,
      textStyle: { color: palette.ink, fontSize: 13 },
      extraCssText: 'border-radius:8px;box-shadow:0 4px 16px rgb(10 15 40 / 14%)',
    },
    legend: {
      top: 0,
      left: 0,
      itemWidth: 12,
      itemHeight: 12,
      itemGap: 18,
      icon: 'roundRect',
      textStyle: { color: palette.muted, fontSize: 13 },
    },
    valueAxis: {
      axisLabel: label,
      nameTextStyle: label,
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: palette.line, type: 'dashed' } },
    },
    labelAxis: {
      axisLabel: label,
      nameTextStyle: label,
      axisLine: { lineStyle: { color: palette.line } },
      axisTick: { show: false },
      splitLine: { show: false },
    },
  }
}

export function useChartStyle(): ChartStyle {
  const [scheme] = useScheme()
  return useMemo(() => chartStyle(paletteOf(scheme)), [scheme])
}
