import { XProvider } from '@ant-design/x'
import xEn from '@ant-design/x/es/locale/en_US'
import xZh from '@ant-design/x/es/locale/zh_CN'
import { QueryClientProvider } from '@tanstack/react-query'
import { App as Notices, Spin } from 'antd'
import antdEn from 'antd/es/locale/en_US'
import antdZh from 'antd/es/locale/zh_CN'
import { lazy, Suspense, useEffect, useLayoutEffect, useMemo } from 'react'
import { queryClient, useInfo } from '../api/client'
import { ChatPage } from '../chat/ChatPage'
import { I18nProvider, useI18n } from '../i18n/I18n'
import { Header } from './Header'
import { useScheme } from './preferences'
import { usePage } from './router'
import { applyPalette, themeOf } from './theme'

// The charts are most of the studio's weight; the chat does without them.
const DataPage = lazy(() => import('../data/DataPage'))
const ReportPage = lazy(() => import('../report/ReportPage'))
const TrainingPage = lazy(() => import('../report/TrainingPage'))

// Ant Design would write a button of two Chinese characters with a gap between them.
const unspaced = { autoInsertSpace: false }

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <I18nProvider>
        <Themed />
      </I18nProvider>
    </QueryClientProvider>
  )
}

function Themed() {
  const { language } = useI18n()
  const [scheme] = useScheme()
  useLayoutEffect(() => applyPalette(scheme), [scheme])
  const theme = useMemo(() => themeOf(scheme), [scheme])
  const locale = useMemo(
    () => (language === 'zh' ? { ...antdZh, ...xZh } : { ...antdEn, ...xEn }),
    [language],
  )
  return (
    <XProvider theme={theme} locale={locale} button={unspaced}>
      <Notices className="app">
        <Pages />
      </Notices>
    </XProvider>
  )
}

function Pages() {
  const page = usePage()
  const { t, suggestLanguage } = useI18n()
  const info = useInfo()
  const project = info.data?.project

  useEffect(() => {
    if (info.data?.language) suggestLanguage(info.data.language)
  }, [info.data?.language, suggestLanguage])
  useEffect(() => {
    const name = t(`nav.${page}`)
    document.title = project === undefined ? `${name} · Catena` : `${name} · ${project}`
  }, [page, project, t])

  return (
    <>
      <a className="skip" href="#main">
        {t('nav.skip')}
      </a>
      <Header page={page} project={project} />
      <main id="main" tabIndex={-1}>
        {page === 'chat' ? (
          <ChatPage />
        ) : (
          <Suspense fallback={<Spin className="page-spin" size="large" />}>
            {page === 'data' && <DataPage />}
            {page === 'training' && <TrainingPage />}
            {page === 'report' && <ReportPage />}
          </Suspense>
        )}
      </main>
    </>
  )
}
