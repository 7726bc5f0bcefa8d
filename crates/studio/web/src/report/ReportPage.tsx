import { Skeleton } from 'antd'
import { useInfo, useReport } from '../api/client'
import { Failure } from '../api/failure'
import type { RunReport } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { NothingYet, NotLoaded } from './Absent'
import { DataProfile } from './DataProfile'
import { LossCurve } from './LossCurve'
import { Quality } from './Quality'
import { Retrieval } from './Retrieval'
import { SampleAnswer } from './SampleAnswer'
import { Stages } from './Stages'
import { Totals } from './Totals'
import './report.css'

/** The report of the last run. */
export default function ReportPage() {
  const report = useReport()
  return (
    <div className="report-scroll">
      <div className="report">
        {report.isPending && <Skeleton active paragraph={{ rows: 12 }} />}
        {report.isError && (
          <NoReport error={report.error} onRetry={() => void report.refetch()} />
        )}
        {report.isSuccess && <Report report={report.data} />}
      </div>
    </div>
  )
}

function Report({ report }: { report: RunReport }) {
  const { t } = useI18n()
  const info = useInfo()
  return (
    <>
      <header className="report-head">
        <div>
          <h1>{report.project}</h1>
          <p>{t('report.subtitle')}</p>
        </div>
        {info.data !== undefined && <p className="report-version">Catena {info.data.version}</p>}
      </header>
      <Totals report={report} />
      <Stages stages={report.stages} />
      <LossCurve points={report.loss_curve} />
      <Quality report={report} />
      <Retrieval retrieval={report.retrieval} />
      <DataProfile profile={report.data_profile} />
      {report.answer !== undefined && <SampleAnswer answer={report.answer} />}
    </>
  )
}

function NoReport({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const { t } = useI18n()
  return error instanceof Failure && error.kind === 'missing' ? (
    <NothingYet title={t('report.none')} hint={t('report.none.hint')} />
  ) : (
    <NotLoaded title={t('report.failed')} error={error} onRetry={onRetry} />
  )
}
