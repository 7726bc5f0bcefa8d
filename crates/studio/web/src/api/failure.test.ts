import { expect, it } from 'vitest'
import { failureOf, type FailureKind } from './failure'

function check(status: number, body: unknown, kind: FailureKind, detail?: string) {
  const failure = failureOf(status, body)
  expect([failure.kind, failure.detail]).toEqual([kind, detail])
}

it('reads the errors of OpenAI routes', () => {
  check(429, { error: { message: 'full', code: 'queue_full' } }, 'overloaded', 'full')
  check(503, { error: { message: 'draining' } }, 'overloaded', 'draining')
  check(400, { error: { message: 'm', code: 'context_length_exceeded' } }, 'too_long', 'm')
  check(400, { error: { message: 'bad', type: 'invalid_request_error' } }, 'server', 'bad')
})

it('reads problem documents', () => {
  check(404, { title: 'No report yet', code: 'no_report', detail: 'none' }, 'missing', 'none')
  check(413, { detail: 'body' }, 'too_long', 'body')
})

it('takes anything else by its status', () => {
  check(502, null, 'unreachable')
  check(500, 'oops', 'server')
  check(500, { error: 'plain' }, 'server', 'plain')
  check(500, [], 'server')
})
