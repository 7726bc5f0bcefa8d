import { describe, expect, it } from 'vitest'
import { en, type Key, type Text } from './en'
import { dictionaries, preferredLanguage, term, translate } from './language'
import { zh } from './zh'

const keys = Object.keys(en) as Key[]

function forms(text: Text): string[] {
  return typeof text === 'string' ? [text] : Object.values(text)
}

function holes(text: Text): string[] {
  const names = forms(text).flatMap((form) => form.match(/\{\w+\}/g) ?? [])
  return [...new Set(names)].toSorted()
}

describe('dictionaries', () => {
  it('have the same keys in the same order', () => expect(Object.keys(zh)).toEqual(keys))
  it.each(keys)('%s has the same holes and is never empty', (key) => {
    expect(holes(zh[key])).toEqual(holes(en[key]))
    for (const text of [...forms(en[key]), ...forms(zh[key])]) expect(text.trim()).not.toBe('')
  })
  it('are each in their own language', () => {
    // Each offers the other's language by its own name; some names are the same in both.
    const han = /\p{Script=Han}/u
    const own = keys.filter((key) => key !== 'header.language')
    expect(own.filter((key) => forms(en[key]).some((text) => han.test(text)))).toEqual([])
    const untranslated = own.filter((key) => !forms(dictionaries.zh[key]).some((t) => han.test(t)))
    expect(untranslated).toEqual(['report.mrr.detail', 'term.iban'])
  })
})

describe('translate', () => {
  it('fills holes', () =>
    expect(translate('en', 'chat.citation', { number: 2, title: 'T' })).toBe('Source 2: T'))
  it('chooses the plural', () => {
    expect(translate('en', 'sources.more', { count: 1 })).toBe('1 more passage was found')
    expect(translate('en', 'sources.more', { count: 4 })).toBe('4 more passages were found')
    expect(translate('zh', 'sources.more', { count: 1 })).toBe('另外找到 1 个段落')
  })
  it('does not fill holes inside of values', () =>
    expect(translate('en', 'chat.citation', { number: 1, title: '{number}' })).toBe('Source 1: {number}'))
})

describe('term', () => {
  it('knows names', () => expect(term('zh', 'near_duplicate')).toBe('近似重复'))
  it('knows counts', () => expect(term('en', 'num_documents')).toBe('Documents'))
  it('knows names by their group', () => {
    expect(term('en', 'masked', 'operator')).toBe('Personal data masked')
    expect(term('en', 'masked')).toBe('Masked')
    expect(term('en', 'email', 'step')).toBe('Email')
  })
  it('makes unknown names readable', () => expect(term('en', 'max_logit_gap')).toBe('Max logit gap'))
  it('is not fooled by inherited names', () => expect(term('en', 'constructor')).toBe('Constructor'))
})

describe('preferredLanguage', () => {
  it.each([
    [['zh-TW', 'en'], 'zh'],
    [['en-GB', 'zh'], 'en'],
    [['fr', 'zh-CN'], 'zh'],
    [['fr'], undefined],
    [[], undefined],
  ] as const)('%j is %s', (wishes, language) => expect(preferredLanguage(wishes)).toBe(language))
})
