/**
 * Why a request gave no answer, by what the user can do about it:
 * - `unreachable`: start the server again · `overloaded`: wait · `too_long`: ask less
 * - `interrupted`: ask again · `missing`: the thing is not there · `server`: read the detail
 */
export type FailureKind =
  | 'unreachable'
  | 'overloaded'
  | 'too_long'
  | 'interrupted'
  | 'missing'
  | 'server'

export class Failure extends Error {
  readonly kind: FailureKind
  /** What the server said, in its own words. */
  readonly detail: string | undefined

  constructor(kind: FailureKind, detail?: string) {
    super(detail === undefined ? kind : `${kind}: ${detail}`)
    this.name = 'Failure'
    this.kind = kind
    this.detail = detail
  }
}

const longCodes = /context_length|too_long|too_large/

/** The kind of an error answer, from its status and its stable code. */
export function failureKind(status: number, code: string): FailureKind {
  if (status === 413 || longCodes.test(code)) return 'too_long'
  if (status === 429 || status === 503) return 'overloaded'
  if (status === 502 || status === 504) return 'unreachable'
  if (status === 404) return 'missing'
  return 'server'
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The failure in an error body: OpenAI's `{error: {...}}`, a problem document, or anything else. */
export function failureOf(status: number, body: unknown): Failure {
  const outer = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const inner = outer['error']
  const error = (typeof inner === 'object' && inner !== null ? inner : outer) as Record<
    string,
    unknown
  >
  const code = text(error['code']) ?? text(error['type']) ?? ''
  const detail = text(error['message']) ?? text(error['detail']) ?? text(inner)
  return new Failure(failureKind(status, code), detail)
}

/** `fetch` whose every failure is a `Failure`, except an abort by the caller. */
export async function request(path: string, init?: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, init)
  } catch (error) {
    if (init?.signal?.aborted === true) throw error
    throw new Failure('unreachable')
  }
  if (response.ok) return response
  const body: unknown = await response.json().catch(() => null)
  throw failureOf(response.status, body)
}
