import type { Json, LossPoint, StageReport, TrainingRun } from '../api/types'

/** `after` against `before` as a share; undefined where there is nothing to compare with. */
export function relativeChange(before: number, after: number): number | undefined {
  if (!Number.isFinite(before) || !Number.isFinite(after) || before === 0) return undefined
  return (after - before) / Math.abs(before)
}

/**
 * The losses, smoothed by an exponential moving average that is corrected for its start
 * (`m_t / (1 - decay^t)`), as TensorBoard does.
 */
export function smoothed(points: readonly LossPoint[], decay: number): number[] {
  let mean = 0
  let weight = 0
  return points.map(({ loss }) => {
    mean = decay * mean + (1 - decay) * loss
    weight = decay * weight + (1 - decay)
    return mean / weight
  })
}

/** A decay that smooths over about a twentieth of the run. */
export function smoothingFor(count: number): number {
  return 1 - 2 / (Math.max(4, count / 20) + 1)
}

/** Seconds without a line after which a run is taken to have stopped, beside its own pace. */
const SILENCE = 30

/** Whether a run has made all its steps, is being written, or neither. */
export function stateOf(run: TrainingRun): 'done' | 'going' | 'ended' {
  const step = run.points.at(-1)?.step ?? 0
  if (run.total_steps !== null && step >= run.total_steps) return 'done'
  const pace = run.speeds.at(-1)?.seconds ?? 0
  return run.idle_seconds <= SILENCE + 4 * pace ? 'going' : 'ended'
}

/** Seconds that the steps that are left take at the pace of the last ones, of a run that goes on. */
export function secondsLeft(run: TrainingRun): number | undefined {
  const recent = run.speeds.slice(-20)
  const last = recent.at(-1)
  if (last === undefined || run.total_steps === null || stateOf(run) !== 'going') return undefined
  const mean = recent.reduce((sum, { seconds }) => sum + seconds, 0) / recent.length
  return (run.total_steps - last.step) * mean
}

/** Where each stage stands in the run, in seconds from its begin. Stages run one after another. */
export function timeline(stages: readonly StageReport[]): { start: number; total: number }[] {
  const total = stages.reduce((sum, stage) => sum + stage.seconds, 0)
  let start = 0
  return stages.map((stage) => {
    const place = { start, total }
    start += stage.seconds
    return place
  })
}

/** `1:07 min`, `12.3 s` or `85 ms`, in digits that need no translation. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–'
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 59.95) return `${seconds < 9.95 ? seconds.toFixed(1) : Math.round(seconds)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)} min`
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)} h`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

const spans = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const

/** `3 hours ago`, in the words of the language. */
export function ago(seconds: number, locale: string): string {
  const [unit, size] = spans.find((span) => seconds >= span[1]) ?? (['second', 1] as const)
  return new Intl.RelativeTimeFormat(locale).format(-Math.floor(seconds / size), unit)
}

/** Bytes in binary units. */
export function bytes(count: number): string {
  if (!Number.isFinite(count) || count < 0) return '–'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = count
  let unit = 0
  while (value >= 1023.5 && unit + 1 < units.length) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** A metric with three significant places, as in tables. */
export function metric(value: number, locale: string): string {
  if (!Number.isFinite(value)) return '–'
  return value.toLocaleString(locale, { minimumFractionDigits: 3, maximumFractionDigits: 3 })
}

export function percent(share: number, locale: string, signed = false): string {
  return share.toLocaleString(locale, {
    style: 'percent',
    maximumFractionDigits: Math.abs(share) < 0.1 ? 1 : 0,
    signDisplay: signed ? 'exceptZero' : 'auto',
  })
}

/** A figure of unknown meaning, shown by what its name says about its unit. */
export function figure(name: string, value: Json, locale: string): string {
  if (typeof value === 'number') {
    if (name.endsWith('_bytes') || name === 'bytes') return bytes(value)
    if (name.endsWith('_seconds') || name === 'seconds') return duration(value)
    return value.toLocaleString(locale, { maximumSignificantDigits: value % 1 === 0 ? 21 : 4 })
  }
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map((each) => figure('', each, locale)).join(', ')
  return value === null ? '–' : JSON.stringify(value)
}
