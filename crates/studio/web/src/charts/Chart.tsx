import { useEffect, useRef } from 'react'
import { init, type ChartOption } from './echarts'

type Props = {
  option: ChartOption
  /** Pixels. */
  height: number
  /** What the chart says, for those who do not see it. */
  label: string
}

/** One ECharts drawing that follows the size of its place. */
export function Chart({ option, height, label }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const chart = useRef<ReturnType<typeof init>>(null)

  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const drawn = init(element, null, { renderer: 'svg' })
    chart.current = drawn
    const observer = new ResizeObserver(() => drawn.resize())
    observer.observe(element)
    return () => {
      observer.disconnect()
      drawn.dispose()
      chart.current = null
    }
  }, [])
  useEffect(() => {
    chart.current?.setOption(option, { notMerge: true })
  }, [option])

  return <div ref={box} className="chart" role="img" aria-label={label} style={{ height }} />
}
