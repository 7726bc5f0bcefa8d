import type { RunReport } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { Change } from './Change'
import { bytes, duration, metric, relativeChange } from './figures'
import { Total } from './Total'

/** The run in four figures. */
export function Totals({ report }: { report: RunReport }) {
  const { t, term, locale } = useI18n()
  const { stages, before, after, retrieval } = report
  const seconds = stages.reduce((sum, stage) => sum + stage.seconds, 0)
  const peak = stages.toSorted((a, b) => b.peak_bytes - a.peak_bytes)[0]
  const ran = stages.filter((stage) => stage.status === 'ran').length
  const loss = relativeChange(before.answer_loss, after.answer_loss)
  return (
    <dl className="totals">
      <Total
        name={t('report.totalTime')}
        value={duration(seconds)}
        detail={t('report.stagesRan.detail', { ran, cached: stages.length - ran })}
      />
      <Total
        name={t('report.peakMemory')}
        value={bytes(peak?.peak_bytes ?? 0)}
        detail={peak === undefined ? undefined : term(peak.name)}
      />
      <Total
        name={t('quality.answer_loss')}
        value={metric(after.answer_loss, locale)}
        detail={
          <>
            {loss !== undefined && <Change share={loss} lowerIsBetter />}{' '}
            {t('report.answerLoss.detail', { before: metric(before.answer_loss, locale) })}
          </>
        }
      />
      <Total
        name={t('report.bestRecall')}
        value={metric(retrieval.hybrid.recall_at_10, locale)}
        detail={t('report.mrr.detail', { mrr: metric(retrieval.hybrid.mrr, locale) })}
      />
    </dl>
  )
}
