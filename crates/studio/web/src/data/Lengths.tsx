import { useMemo } from 'react'
import type { LengthBar } from '../api/types'
import { Chart } from '../charts/Chart'
import { histogramOption } from '../charts/histogram'
import { useChartStyle } from '../charts/style'
import { useI18n } from '../i18n/I18n'
import { Panel } from '../report/Panel'
import { lengthRanges, rangeName } from './sets'

type Props = { kept: LengthBar[]; dropped: LengthBar[] }

/** How long the texts are that stayed, and those that did not. */
export function Lengths({ kept, dropped }: Props) {
  const { t, locale } = useI18n()
  const style = useChartStyle()
  const ranges = useMemo(() => lengthRanges(kept, dropped), [kept, dropped])
  const option = useMemo(() => {
    const { teal, bad } = style.palette
    const names = ranges.map(({ from }) => rangeName(from))
    const series = [
      { name: t('profile.kept'), counts: ranges.map((range) => range.kept), colour: teal },
      { name: t('profile.dropped'), counts: ranges.map((range) => range.dropped), colour: bad },
    ]
    return histogramOption(style, names, series, locale)
  }, [ranges, style, t, locale])
  return (
    <Panel title={t('lengths.title')} note={t('lengths.note')}>
      {ranges.length > 0 ? (
        <Chart option={option} height={280} label={t('lengths.title')} />
      ) : (
        <p className="nothing">{t('chart.none')}</p>
      )}
    </Panel>
  )
}
