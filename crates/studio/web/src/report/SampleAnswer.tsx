import { useState } from 'react'
import type { AnswerReport } from '../api/types'
import { AnswerText } from '../chat/AnswerText'
import { DocumentDrawer } from '../chat/DocumentDrawer'
import { SourceList } from '../chat/SourceList'
import type { Source } from '../chat/sources'
import { useI18n } from '../i18n/I18n'
import { Panel } from './Panel'

/** The question that the run itself asked, with its cited answer. */
export function SampleAnswer({ answer }: { answer: AnswerReport }) {
  const { t } = useI18n()
  const [source, setSource] = useState<Source>()
  const [open, setOpen] = useState(false)
  const show = (next: Source) => {
    setSource(next)
    setOpen(true)
  }
  return (
    <Panel title={t('answer.title')}>
      <p className="sample-question">{answer.question}</p>
      <AnswerText
        text={answer.text}
        citations={answer.citations}
        passages={none}
        writing={false}
        onOpen={show}
      />
      <SourceList citations={answer.citations} passages={none} onOpen={show} />
      <DocumentDrawer source={source} open={open} onClose={() => setOpen(false)} />
    </Panel>
  )
}

const none: never[] = []
