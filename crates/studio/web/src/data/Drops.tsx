import type { CuratedSet, DropCount } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { Bars } from '../report/Bars'
import { folded } from '../report/counts'
import { percent } from '../report/figures'
import { Panel } from '../report/Panel'
import { CountBars } from './CountBars'
import { asCode, asLanguage } from './labels'
import { dropsOf } from './sets'

/** Rules that the chart shows by name. */
const maxRules = 20

/** Why documents were dropped, and why rows were none. */
export function Drops({ set }: { set: CuratedSet }) {
  const { t, term, locale } = useI18n()
  const { first, others } = folded(dropsOf(set.dropped), maxRules)
  const count = set.num_read - set.num_kept
  const share = percent(set.num_read > 0 ? count / set.num_read : 0, locale)
  const bars = first.map((drop) => ({
    key: drop.name,
    label: <Reason drop={drop} />,
    count: drop.count,
  }))
  return (
    <Panel title={t('drops.title')} note={t('drops.note', { count, share })}>
      <div className="drops">
        <Bars title={t('drops.byRule')} bars={bars} others={others} tone="bad" />
        <CountBars
          title={t('drops.rejected')}
          counts={set.rejected}
          label={(reason) => term(reason, 'reason')}
          tone="bad"
        />
      </div>
    </Panel>
  )
}

/** The step and its rule: a language, a kind of copy, or a name from a rule set or a benchmark. */
function Reason({ drop: { step, rule } }: { drop: DropCount }) {
  const { term } = useI18n()
  return (
    <>
      {term(step, 'step')} · <Rule step={step} rule={rule} />
    </>
  )
}

function Rule({ step, rule }: { step: string; rule: string }) {
  const { term } = useI18n()
  if (step === 'rules' || step === 'decontaminate') return asCode(rule)
  if (step === 'language' && rule !== 'score') return asLanguage(rule)
  return term(rule, 'rule')
}
