import type { CuratedSet } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { bytes, percent } from '../report/figures'
import { Total } from '../report/Total'
import { sumOf } from './sets'

/** What was read and what is left of it, in six figures. */
export function SetFigures({ set }: { set: CuratedSet }) {
  const { t, locale } = useI18n()
  const number = (value: number) => value.toLocaleString(locale)
  const share = (kept: number, read: number) =>
    read > 0 ? t('sets.share', { share: percent(kept / read, locale) }) : undefined
  return (
    <dl className="totals set-figures">
      <Total name={t('sets.read')} value={number(set.num_read)} />
      <Total
        name={t('sets.kept')}
        value={number(set.num_kept)}
        detail={share(set.num_kept, set.num_read)}
      />
      <Total name={t('sets.rejected')} value={number(sumOf(set.rejected))} />
      <Total name={t('sets.textRead')} value={bytes(set.bytes_read)} />
      <Total
        name={t('sets.textKept')}
        value={bytes(set.bytes_kept)}
        detail={share(set.bytes_kept, set.bytes_read)}
      />
      <Total
        name={t('sets.inputs')}
        value={number(set.num_inputs)}
        detail={bytes(set.bytes_inputs)}
      />
    </dl>
  )
}
