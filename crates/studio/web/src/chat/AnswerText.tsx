import { Tooltip } from 'antd'
import { createContext, use, useCallback, useMemo } from 'react'
import type { Components } from 'react-markdown'
import type { Citation, Passage } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { Markdown } from '../text/Markdown'
import { withoutUnfinishedMark } from '../text/marks'
import { remarkMarks } from '../text/remark'
import { sourceOf, type Source } from './sources'

type Props = {
  text: string
  citations: Citation[]
  passages: Passage[]
  writing: boolean
  onOpen: (source: Source) => void
}

type Marks = { find: (number: number) => Source | undefined; onOpen: (source: Source) => void }

// Marks are made deep inside the Markdown; a component defined there anew with every word would
// lose the keyboard's focus.
const MarksContext = createContext<Marks | null>(null)

const components: Components = {
  cite: ({ node }) => <Mark number={Number(node?.properties['data-number'])} />,
}

/** An answer's text with its citation marks as buttons. */
export function AnswerText({ text, citations, passages, writing, onOpen }: Props) {
  const find = useCallback(
    (number: number) => sourceOf(number, citations, passages),
    [citations, passages],
  )
  const marks = useMemo(() => ({ find, onOpen }), [find, onOpen])
  const plugins = useMemo(() => {
    const options = { known: (number: number) => find(number) !== undefined }
    return [[remarkMarks, options] as [typeof remarkMarks, typeof options]]
  }, [find])
  return (
    <MarksContext value={marks}>
      <Markdown
        source={writing ? withoutUnfinishedMark(text) : text}
        plugins={plugins}
        components={components}
      />
    </MarksContext>
  )
}

function Mark({ number }: { number: number }) {
  const { t } = useI18n()
  const marks = use(MarksContext)
  const source = marks?.find(number)
  if (marks === null || source === undefined) return null
  const { title } = source
  return (
    <Tooltip title={title} mouseEnterDelay={0.3}>
      <button
        type="button"
        className="mark"
        aria-label={t('chat.citation', { number, title })}
        onClick={() => marks.onOpen(source)}
      >
        {number}
      </button>
    </Tooltip>
  )
}
