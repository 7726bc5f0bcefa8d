import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react'
import { recall, remember } from '../app/preferences'
import type { Key } from './en'
import {
  locales,
  preferredLanguage,
  term,
  translate,
  type Group,
  type Language,
  type Values,
} from './language'

type I18n = {
  language: Language
  locale: string
  setLanguage: (language: Language) => void
  /** Takes the project's language if neither the user nor the browser named one. */
  suggestLanguage: (language: Language) => void
  t: (key: Key, values?: Values) => string
  term: (name: string, group?: Group) => string
}

const Context = createContext<I18n | null>(null)

/** What the user chose, else what the browser asks for. */
function wished(): Language | undefined {
  const stored = recall('language')
  if (stored === 'en' || stored === 'zh') return stored
  return preferredLanguage(navigator.languages)
}

export function I18nProvider({ children }: { children: ReactNode }) {
  const [language, show] = useState<Language>(() => wished() ?? 'en')

  useEffect(() => {
    document.documentElement.lang = locales[language]
  }, [language])

  const setLanguage = useCallback((next: Language) => {
    remember('language', next)
    show(next)
  }, [])
  const suggestLanguage = useCallback((next: Language) => {
    if (wished() === undefined) show(next)
  }, [])

  const value = useMemo<I18n>(
    () => ({
      language,
      locale: locales[language],
      setLanguage,
      suggestLanguage,
      t: (key, values) => translate(language, key, values),
      term: (name, group) => term(language, name, group),
    }),
    [language, setLanguage, suggestLanguage],
  )
  return <Context value={value}>{children}</Context>
}

export function useI18n(): I18n {
  const value = use(Context)
  if (value === null) throw new Error('useI18n needs an I18nProvider above it')
  return value
}
