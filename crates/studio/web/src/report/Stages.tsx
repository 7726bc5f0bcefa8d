import { RightOutlined } from '@ant-design/icons'
import { Tag } from 'antd'
import { useState } from 'react'
import type { StageReport } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { Figures } from './Figures'
import { bytes, duration, timeline } from './figures'
import { Panel } from './Panel'

/** The stages with the time each took, where in the run, and the memory it needed. */
export function Stages({ stages }: { stages: StageReport[] }) {
  const { t } = useI18n()
  const places = timeline(stages)
  const peak = Math.max(1, ...stages.map((stage) => stage.peak_bytes))
  return (
    <Panel title={t('stages.title')} note={t('stages.note')}>
      <div className="stages">
        <div className="stage-head" aria-hidden="true">
          <span>{t('stages.name')}</span>
          <span>{t('stages.time')}</span>
          <span>{t('stages.memory')}</span>
        </div>
        <ol>
          {stages.map((stage, index) => (
            <Stage
              key={stage.name}
              stage={stage}
              start={places[index]?.start ?? 0}
              total={places[index]?.total ?? 0}
              peak={peak}
            />
          ))}
        </ol>
      </div>
    </Panel>
  )
}

type Props = { stage: StageReport; start: number; total: number; peak: number }

function Stage({ stage, start, total, peak }: Props) {
  const { t, term } = useI18n()
  const [open, setOpen] = useState(false)
  const name = term(stage.name)
  const share = (seconds: number) => `${total > 0 ? (100 * seconds) / total : 0}%`
  const details = Object.entries(stage.summary)
  return (
    <li className="stage" data-status={stage.status}>
      <button
        type="button"
        className="stage-row"
        aria-expanded={open}
        aria-label={t('stages.details', { stage: name })}
        disabled={details.length === 0}
        onClick={() => setOpen(!open)}
      >
        <span className="stage-name">
          <RightOutlined className="stage-arrow" rotate={open ? 90 : 0} />
          <b>{name}</b>
          <Tag color={stage.status === 'ran' ? 'processing' : 'default'}>
            {t(stage.status === 'ran' ? 'stages.ran' : 'stages.cached')}
          </Tag>
        </span>
        <span className="stage-measure">
          <span className="stage-bar">
            <i style={{ left: share(start), width: share(stage.seconds) }} />
          </span>
          <span className="stage-value">{duration(stage.seconds)}</span>
        </span>
        <span className="stage-measure memory">
          <span className="stage-bar">
            <i style={{ width: `${(100 * stage.peak_bytes) / peak}%` }} />
          </span>
          <span className="stage-value">{bytes(stage.peak_bytes)}</span>
        </span>
      </button>
      {open && <Figures figures={details} />}
    </li>
  )
}
