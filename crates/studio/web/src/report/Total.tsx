import type { ReactNode } from 'react'

type Props = { name: string; value: string; detail?: ReactNode }

/** One of the figures that sum a page up. */
export function Total({ name, value, detail }: Props) {
  return (
    <div className="total">
      <dt>{name}</dt>
      <dd className="total-value">{value}</dd>
      {detail !== undefined && <dd className="total-detail">{detail}</dd>}
    </div>
  )
}
