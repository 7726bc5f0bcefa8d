import { en, type Key, type Text } from './en'
import { zh } from './zh'

export type Language = 'en' | 'zh'
export type Values = Record<string, string | number>

export const dictionaries: Record<Language, Record<Key, Text>> = { en, zh }

/** The language tag that formats numbers and picks fonts. */
export const locales: Record<Language, string> = { en: 'en', zh: 'zh-CN' }

/** The first language we speak among the browser's wishes, if there is one. */
export function preferredLanguage(wishes: readonly string[]): Language | undefined {
  for (const wish of wishes) {
    const tag = wish.toLowerCase()
    if (tag.startsWith('zh')) return 'zh'
    if (tag.startsWith('en')) return 'en'
  }
  return undefined
}

/** The text of `key` with its `{names}` filled in; `count` also chooses the plural form. */
export function translate(language: Language, key: Key, values: Values = {}): string {
  const text = dictionaries[language][key]
  const count = values['count']
  const form =
    typeof text === 'string'
      ? text
      : ((typeof count === 'number' &&
          new Intl.PluralRules(locales[language]).select(count) === 'one' &&
          text.one) ||
        text.other)
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name]
    if (value === undefined) return whole
    return typeof value === 'number' ? value.toLocaleString(locales[language]) : value
  })
}

/** Kinds of names that need a text of their own; all others are a `term`. */
export type Group = 'term' | 'step' | 'rule' | 'reason' | 'operator'

/** The name of a rule, a figure or a stage: translated if known, else made readable. */
export function term(language: Language, name: string, group: Group = 'term'): string {
  const plain = name.replace(/^num_/, '')
  for (const key of [`${group}.${name}`, `${group}.${plain}`]) {
    if (Object.hasOwn(dictionaries[language], key)) return translate(language, key as Key)
  }
  const words = plain.replace(/[_-]+/g, ' ').trim()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
