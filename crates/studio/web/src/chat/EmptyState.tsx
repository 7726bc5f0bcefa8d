import { Logo } from '../app/Logo'
import { useI18n } from '../i18n/I18n'

type Props = {
  project: string | undefined
  examples: string[] | undefined
  onPick: (question: string) => void
}

const shownExamples = 6

/** What a new chat shows: where answers come from, and questions to start with. */
export function EmptyState({ project, examples, onPick }: Props) {
  const { t } = useI18n()
  const questions = (examples ?? []).slice(0, shownExamples)
  return (
    <div className="empty">
      <Logo />
      <h1>
        {project === undefined ? t('chat.welcomeUnnamed') : t('chat.welcome', { project })}
      </h1>
      <p>{t('chat.intro')}</p>
      {questions.length > 0 && (
        <section className="examples" aria-label={t('chat.examples')}>
          <h2>{t('chat.examples')}</h2>
          <ul>
            {questions.map((question) => (
              <li key={question}>
                <button type="button" onClick={() => onPick(question)}>
                  {question}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  )
}
