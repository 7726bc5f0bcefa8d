import { Fragment, type ReactNode } from 'react'
import { useI18n } from '../i18n/I18n'
import { languageName } from './sets'

/** A name that is to be read as it is written; a line may end after a `/` or `_` of it. */
export function asCode(name: string): ReactNode {
  return (
    <code>
      {[...name.matchAll(/[^/_]*[/_]|[^/_]+$/g)].map(({ 0: part, index }) => (
        <Fragment key={index}>
          {part}
          <wbr />
        </Fragment>
      ))}
    </code>
  )
}

export function asLanguage(code: string): ReactNode {
  return <LanguageName code={code} />
}

/** A language in words where it has a name, and its code. */
function LanguageName({ code }: { code: string }) {
  const { locale } = useI18n()
  return (
    <>
      {languageName(code, locale)} <code>{code}</code>
    </>
  )
}
