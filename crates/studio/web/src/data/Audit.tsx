import type { MaskAudit } from '../api/types'
import { useI18n } from '../i18n/I18n'
import { Panel } from '../report/Panel'
import { asCode } from './labels'
import { auditRows } from './sets'

/** The personal data that was masked in what was kept, for review: nobody's is shown. */
export function Audit({ audit }: { audit: MaskAudit }) {
  const { t, locale } = useI18n()
  const rows = auditRows(audit)
  const note = t('audit.note', { masked: audit.num_with_matches, documents: audit.num_documents })
  return (
    <Panel title={t('audit.title')} note={note}>
      {rows.length === 0 && <p className="nothing">{t('bars.none')}</p>}
      {rows.length > 0 && (
        <div className="table-scroll">
          <table className="audit">
            <thead>
              <tr>
                <th scope="col">{t('audit.kind')}</th>
                <th scope="col">{t('audit.count')}</th>
                <th scope="col">{t('audit.samples')}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ name, count, samples }) => (
                <tr key={name}>
                  <th scope="row">{asCode(name)}</th>
                  <td>{count.toLocaleString(locale)}</td>
                  <td>
                    <ul>
                      {samples.map(({ before, value, after }) => (
                        <li key={before + value + after}>
                          {before}
                          <b>{value}</b>
                          {after}
                        </li>
                      ))}
                    </ul>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}
