import { useI18n } from '../i18n/I18n'
import { percent } from './figures'

type Props = { share: number; lowerIsBetter?: boolean }

/** A relative change, coloured by whether it is for the better. */
export function Change({ share, lowerIsBetter = false }: Props) {
  const { locale } = useI18n()
  const verdict = share === 0 ? 'same' : share < 0 === lowerIsBetter ? 'good' : 'bad'
  return (
    <span className="change" data-verdict={verdict}>
      {share !== 0 && <span aria-hidden="true">{share < 0 ? '▼' : '▲'}</span>}
      {percent(share, locale, true)}
    </span>
  )
}
