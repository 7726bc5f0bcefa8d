import type { ChartOption } from './echarts'
import type { ChartStyle } from './style'

/** One kind of what is counted, a number for each range. */
export type Series = { name: string; counts: number[]; colour: string }

/**
 * Counts by range, the series on top of each other. Ranges are named `from–to`; the axis has room
 * for `from` only.
 */
export function histogramOption(
  style: ChartStyle,
  ranges: string[],
  series: Series[],
  locale: string,
): ChartOption {
  const many = series.length > 1
  return {
    textStyle: style.text,
    animationDuration: 400,
    grid: { left: 4, right: 8, top: many ? 40 : 12, bottom: 4, containLabel: true },
    legend: { ...style.legend, show: many },
    tooltip: {
      ...style.tooltip,
      trigger: 'axis',
      axisPointer: { type: 'none' },
      valueFormatter: (value: unknown) => Number(value).toLocaleString(locale),
    },
    xAxis: {
      ...style.labelAxis,
      type: 'category',
      data: ranges,
      axisLabel: {
        color: style.palette.muted,
        fontSize: 11,
        hideOverlap: true,
        formatter: (range: string) => range.split('–')[0],
      },
    },
    yAxis: { ...style.valueAxis, type: 'value', minInterval: 1, splitNumber: 4 },
    series: series.map(({ name, counts, colour }, index) => ({
      type: 'bar',
      name,
      stack: 'all',
      data: counts,
      barCategoryGap: '12%',
      itemStyle: { color: colour, borderRadius: index + 1 < series.length ? 0 : [3, 3, 0, 0] },
    })),
  }
}
