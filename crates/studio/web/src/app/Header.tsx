import {
  BarChartOutlined,
  DatabaseOutlined,
  LineChartOutlined,
  MessageOutlined,
  MoonOutlined,
  SunOutlined,
  TranslationOutlined,
} from '@ant-design/icons'
import { Button, Tooltip } from 'antd'
import type { MouseEvent, ReactNode } from 'react'
import { useI18n } from '../i18n/I18n'
import { Logo } from './Logo'
import { useScheme } from './preferences'
import { navigate, type Page } from './router'

type Props = { page: Page; project: string | undefined }

export function Header({ page, project }: Props) {
  const { t } = useI18n()
  return (
    <header className="header">
      <a className="brand" href="/chat" aria-label="Catena" onClick={(event) => follow(event, 'chat')}>
        <Logo />
        <span className="brand-name">Catena</span>
        {project !== undefined && <span className="brand-project">{project}</span>}
      </a>
      <nav className="nav" aria-label={t('nav.label')}>
        <NavLink to="chat" current={page} icon={<MessageOutlined />} label={t('nav.chat')} />
        <NavLink to="data" current={page} icon={<DatabaseOutlined />} label={t('nav.data')} />
        <NavLink
          to="training"
          current={page}
          icon={<LineChartOutlined />}
          label={t('nav.training')}
        />
        <NavLink to="report" current={page} icon={<BarChartOutlined />} label={t('nav.report')} />
      </nav>
      <div className="header-tools">
        <LanguageButton />
        <SchemeButton />
      </div>
    </header>
  )
}

function follow(event: MouseEvent, page: Page) {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
  event.preventDefault()
  navigate(page)
}

function NavLink(props: { to: Page; current: Page; icon: ReactNode; label: string }) {
  const { to, current, icon, label } = props
  return (
    <a
      className="nav-link"
      href={`/${to}`}
      aria-current={to === current ? 'page' : undefined}
      onClick={(event) => follow(event, to)}
    >
      {icon}
      <span>{label}</span>
    </a>
  )
}

function LanguageButton() {
  const { language, setLanguage, t } = useI18n()
  const other = language === 'en' ? 'zh' : 'en'
  return (
    <Tooltip title={t('header.language')}>
      <Button
        type="text"
        className="language-button"
        icon={<TranslationOutlined />}
        aria-label={t('header.language')}
        lang={other === 'zh' ? 'zh-CN' : 'en'}
        onClick={() => setLanguage(other)}
      >
        {other === 'zh' ? '中文' : 'English'}
      </Button>
    </Tooltip>
  )
}

function SchemeButton() {
  const { t } = useI18n()
  const [scheme, setScheme] = useScheme()
  const label = t(scheme === 'dark' ? 'header.toLight' : 'header.toDark')
  return (
    <Tooltip title={label}>
      <Button
        type="text"
        icon={scheme === 'dark' ? <SunOutlined /> : <MoonOutlined />}
        aria-label={label}
        onClick={() => setScheme(scheme === 'dark' ? 'light' : 'dark')}
      />
    </Tooltip>
  )
}
