import { useId, type ReactNode } from 'react'

type Props = { title: string; note?: string; tools?: ReactNode; children: ReactNode }

/** One part of the report. */
export function Panel({ title, note, tools, children }: Props) {
  const id = useId()
  return (
    <section className="panel" aria-labelledby={id}>
      <div className="panel-head">
        <div>
          <h2 id={id}>{title}</h2>
          {note !== undefined && <p>{note}</p>}
        </div>
        {tools}
      </div>
      {children}
    </section>
  )
}
