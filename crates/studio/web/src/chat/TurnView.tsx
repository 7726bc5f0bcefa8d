import { Bubble } from '@ant-design/x'
import { memo } from 'react'
import { CopyButton } from '../app/CopyButton'
import { Logo } from '../app/Logo'
import { useI18n } from '../i18n/I18n'
import { AnswerText } from './AnswerText'
import type { Turn } from './conversation'
import { FailureNotice } from './FailureNotice'
import { SourceList } from './SourceList'
import type { Source } from './sources'

type Props = {
  turn: Turn
  onOpen: (source: Source) => void
  /** Given for the last turn only. */
  onRetry?: () => void
  onNew?: () => void
}

/** One question with its answer, sources and actions. */
export const TurnView = memo(function TurnView({ turn, onOpen, onRetry, onNew }: Props) {
  const { t } = useI18n()
  const ended = turn.status !== 'waiting' && turn.status !== 'writing'
  return (
    <article className="turn" data-status={turn.status}>
      <h2 className="visually-hidden">{t('chat.you')}</h2>
      <Bubble className="question" placement="end" shape="corner" content={turn.question} />
      <div className="answer" aria-busy={!ended}>
        <Logo />
        <div className="answer-body">
          {turn.status === 'waiting' && <Waiting />}
          {turn.answer !== '' && (
            <AnswerText
              text={turn.answer}
              citations={turn.citations}
              passages={turn.passages}
              writing={turn.status === 'writing'}
              onOpen={onOpen}
            />
          )}
          <Remark turn={turn} />
          {turn.failure !== undefined && (
            <FailureNotice
              failure={turn.failure}
              {...(onRetry && { onRetry })}
              {...(onNew && { onNew })}
            />
          )}
          {ended && turn.answer !== '' && (
            <CopyButton text={turn.answer} name={t('chat.copy')} />
          )}
          {ended && (turn.passages.length > 0 || turn.citations.length > 0) && (
            <SourceList citations={turn.citations} passages={turn.passages} onOpen={onOpen} />
          )}
        </div>
      </div>
    </article>
  )
})

function Waiting() {
  const { t } = useI18n()
  return (
    <p className="waiting" role="status">
      <span className="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {t('chat.waiting')}
    </p>
  )
}

/** The one line that says how an answer differs from a good one. */
function Remark({ turn }: { turn: Turn }) {
  const { t } = useI18n()
  const key = remarkOf(turn)
  return key === undefined ? null : (
    <p className="remark" role="status">
      {t(key)}
    </p>
  )
}

function remarkOf(turn: Turn) {
  if (turn.status === 'stopped') return 'chat.stopped'
  if (turn.status !== 'done') return undefined
  if (turn.answer.trim() === '') return 'chat.empty'
  if (turn.finishReason === 'length') return 'chat.cut'
  if (turn.citations.length === 0 && turn.passages.length > 0) return 'chat.uncited'
  return undefined
}
