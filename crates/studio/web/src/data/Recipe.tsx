import type { CuratedSet } from '../api/types'
import { CopyButton } from '../app/CopyButton'
import { useI18n } from '../i18n/I18n'
import { Panel } from '../report/Panel'

/** What it takes to make the set again: the rules with their versions, and the plan. */
export function Recipe({ set }: { set: CuratedSet }) {
  const { t } = useI18n()
  return (
    <Panel title={t('recipe.title')} note={t('recipe.note')}>
      <div className="recipe">
        <h3>{t('recipe.rules')}</h3>
        {set.rules.length === 0 && <p className="nothing">{t('bars.none')}</p>}
        <ul>
          {set.rules.map((rule) => (
            <li key={rule}>{rule}</li>
          ))}
        </ul>
        <h3>{t('recipe.fingerprint')}</h3>
        <code>{set.fingerprint}</code>
        <div className="plan">
          <details>
            <summary>{t('recipe.plan')}</summary>
            <pre>{set.plan}</pre>
          </details>
          <CopyButton text={set.plan} name={t('recipe.copy')} />
        </div>
      </div>
    </Panel>
  )
}
