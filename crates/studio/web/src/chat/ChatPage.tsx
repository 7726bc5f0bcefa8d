import { DownOutlined, PlusOutlined } from '@ant-design/icons'
import { Sender } from '@ant-design/x'
import { Button } from 'antd'
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useAssistant, useInfo } from '../api/client'
import { Failure } from '../api/failure'
import { useI18n } from '../i18n/I18n'
import { Conversation } from './conversation'
import { DocumentDrawer } from './DocumentDrawer'
import { EmptyState } from './EmptyState'
import { FailureNotice } from './FailureNotice'
import type { Source } from './sources'
import { TurnView } from './TurnView'
import { useFollowEnd } from './useFollowEnd'
import './chat.css'

const conversation = new Conversation()

export function ChatPage() {
  const { t } = useI18n()
  const info = useInfo()
  const project = info.data?.project
  const assistant = useAssistant(info)
  const model = assistant.data
  const turns = useSyncExternalStore(conversation.subscribe, conversation.turns)
  const [draft, setDraft] = useState('')
  const [source, setSource] = useState<Source>()
  const [drawerOpen, setDrawerOpen] = useState(false)
  const input = useRef<HTMLDivElement>(null)
  const { box, atEnd, toEnd } = useFollowEnd()
  const busy = conversation.busy

  const focus = useCallback(() => input.current?.querySelector('textarea')?.focus(), [])
  const open = useCallback((next: Source) => {
    setSource(next)
    setDrawerOpen(true)
  }, [])
  const ask = async (question: string) => {
    const text = question.trim()
    if (text === '' || conversation.busy) return
    // Without a model the page shows why; asking is also a way to try again.
    const id = model ?? (await assistant.refetch()).data
    if (id === undefined) return
    setDraft('')
    toEnd()
    await conversation.ask(id, text)
  }
  const startNew = useCallback(() => {
    conversation.clear()
    focus()
  }, [focus])
  const retry = useCallback(() => {
    if (model !== undefined) void conversation.retry(model)
  }, [model])

  useEffect(() => {
    // On a touch screen the keyboard would cover the examples.
    if (window.matchMedia('(pointer: fine)').matches) focus()
  }, [focus])
  useEscape(busy && !drawerOpen)

  return (
    <div className="chat">
      <div className="chat-scroll" ref={box}>
        <div className="chat-column" role="log" aria-label={t('chat.conversation')}>
          {turns.length === 0 && (
            <EmptyState project={project} examples={info.data?.example_questions} onPick={(question) => void ask(question)} />
          )}
          {turns.map((turn, index) => (
            <TurnView
              key={turn.id}
              turn={turn}
              onOpen={open}
              {...(index === turns.length - 1 && { onRetry: retry, onNew: startNew })}
            />
          ))}
          {turns.length === 0 && assistant.isError && (
            <FailureNotice
              failure={assistant.error instanceof Failure ? assistant.error : new Failure('server')}
              onRetry={() => void Promise.all([assistant.refetch(), info.refetch()])}
            />
          )}
        </div>
      </div>
      <div className="chat-foot" ref={input}>
        {!atEnd && turns.length > 0 && (
          <Button
            className="to-end"
            shape="circle"
            icon={<DownOutlined />}
            aria-label={t('chat.toEnd')}
            onClick={toEnd}
          />
        )}
        <div className="chat-column">
          <Sender
            value={draft}
            onChange={setDraft}
            onSubmit={(question) => void ask(question)}
            onCancel={() => conversation.stop()}
            loading={busy}
            placeholder={t('chat.placeholder')}
            autoSize={{ minRows: 1, maxRows: 6 }}
          />
          <div className="chat-tools">
            <span className="chat-hint">{t('chat.hint')}</span>
            {turns.length > 0 && (
              <Button size="small" type="text" icon={<PlusOutlined />} onClick={startNew}>
                {t('chat.new')}
              </Button>
            )}
          </div>
        </div>
      </div>
      <DocumentDrawer source={source} open={drawerOpen} onClose={() => setDrawerOpen(false)} />
    </div>
  )
}

/** Lets Escape stop the answer while `active`. */
function useEscape(active: boolean) {
  useEffect(() => {
    if (!active) return undefined
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') conversation.stop()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [active])
}
