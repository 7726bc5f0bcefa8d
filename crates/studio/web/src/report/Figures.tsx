import type { Json } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { figure } from './figures'

/** Named figures side by side. */
export function Figures({ figures }: { figures: [string, Json][] }) {
  const { term, locale } = useI18n()
  return (
    <dl className="figures">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{term(name)}</dt>
          <dd>{figure(name, value, locale)}</dd>
        </div>
      ))}
    </dl>
  )
}
