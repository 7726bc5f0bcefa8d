import { h } from './dom.js'
import { tree } from './schema.js'
import { t } from './words.js'

/** Form of one operation: what is sent, and what comes back. */
export function requestForm({ document: api, path, method, operation, key, modelFor }) {
  const places = (operation.parameters ?? []).map((parameter) => ({
    parameter,
    input: place(parameter),
  }))
  const body = bodyOf(api, operation, modelFor)
  const answer = h('div', { class: 'answer', 'aria-live': 'polite' })
  let running
  const send = h('button', { class: 'primary', type: 'submit' }, t('send'))
  const stop = h(
    'button',
    { type: 'button', hidden: true, onclick: () => running?.abort() },
    t('stop'),
  )
  const copy = h('button', { type: 'button', onclick: copyAsCurl }, t('copy'))

  function request() {
    let address = path
    const query = new URLSearchParams()
    for (const { parameter, input } of places) {
      if (parameter.in === 'path') {
        const parts = input.value.split('/').map(encodeURIComponent)
        address = address.replace(`{${parameter.name}}`, parts.join('/'))
      } else if (input.value !== '') query.set(parameter.name, input.value)
    }
    const headers = {}
    if (key() !== '') headers.authorization = `Bearer ${key()}`
    if (body?.media === 'application/json') headers['content-type'] = body.media
    const question = query.toString()
    return { address: question === '' ? address : `${address}?${question}`, headers }
  }

  async function run(event) {
    event.preventDefault()
    running?.abort()
    const own = new AbortController()
    running = own
    const { address, headers } = request()
    send.hidden = true
    stop.hidden = false
    await show(answer, address, { method, headers, body: body?.value(), signal: own.signal })
    if (running === own) {
      send.hidden = false
      stop.hidden = true
    }
  }

  async function copyAsCurl() {
    const { address, headers } = request()
    const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`
    const words = ['curl', '-N', '-X', method, quote(location.origin + address)]
    for (const [name, value] of Object.entries(headers))
      words.push('-H', quote(`${name}: ${value}`))
    const sent = body?.value()
    if (typeof sent === 'string') words.push('-d', quote(sent))
    await navigator.clipboard.writeText(words.join(' '))
    copy.textContent = t('copied')
    setTimeout(() => (copy.textContent = t('copy')), 1500)
  }

  return h(
    'form',
    { class: 'request', onsubmit: run },
    places.length > 0 ? h('h3', {}, t('parameters')) : null,
    places.map(({ parameter, input }) =>
      h('label', { class: 'field' }, h('code', {}, parameter.name), input),
    ),
    body?.element,
    h('div', { class: 'buttons' }, send, stop, copy),
    answer,
  )
}

function place({ name, schema, required }) {
  if (schema.enum !== undefined) {
    const options = ['', ...schema.enum].map((value) => h('option', { value }, value))
    return h('select', { name }, options)
  }
  const type = [schema.type].flat().includes('integer') ? 'number' : 'text'
  return h('input', { name, type, required, min: schema.minimum, autocomplete: 'off' })
}

function bodyOf(api, operation, modelFor) {
  const content = operation.requestBody?.content
  if (content === undefined) return undefined
  const [media, { schema, example }] = Object.entries(content)[0]
  if (media === 'multipart/form-data') return formOf(media, schema)
  const text = JSON.stringify(example, null, 2)
  const editor = h('textarea', {
    class: 'code',
    spellcheck: 'false',
    rows: Math.min(text.split('\n').length + 1, 24),
    'aria-label': t('body'),
  })
  editor.value = text
  // The example's model is none; one that is served takes its place as soon as it is known.
  modelFor(operation).then((name) => {
    if (name !== undefined) editor.value = editor.value.replace('"MODEL"', JSON.stringify(name))
  })
  const schemas = h('details', { class: 'schema' }, h('summary', {}, t('schema')))
  schemas.addEventListener('toggle', () => {
    if (schemas.childElementCount === 1) schemas.append(tree(api, schema))
  })
  const element = h('div', {}, h('h3', {}, t('body')), editor, schemas)
  return { media, element, value: () => editor.value }
}

function formOf(media, schema) {
  const { purpose } = schema.properties
  const file = h('input', { type: 'file', required: true, 'aria-label': t('file') })
  const choice = h(
    'select',
    { 'aria-label': 'purpose' },
    purpose.enum.map((value) => h('option', { value }, value)),
  )
  const element = h(
    'div',
    {},
    h('h3', {}, t('body')),
    h('label', { class: 'field' }, h('code', {}, 'file'), file),
    h('label', { class: 'field' }, h('code', {}, 'purpose'), choice),
  )
  const value = () => {
    const form = new FormData()
    form.set('purpose', choice.value)
    if (file.files[0] !== undefined) form.set('file', file.files[0])
    return form
  }
  return { media, element, value }
}

/** Sends a request and shows its answer as it comes. */
async function show(place, address, options) {
  const state = h('span', { class: 'muted' }, t('waiting'))
  const status = h('span', { class: 'status' })
  const text = h('pre', { class: 'code', tabindex: '0' })
  const headers = h('details', {}, h('summary', {}, t('headers')), h('pre', { class: 'code' }))
  place.replaceChildren(h('h3', {}, t('answer'), ' ', status, ' ', state), text, headers)
  const begun = performance.now()
  const took = () => `${Math.round(performance.now() - begun)} ms`
  try {
    const response = await fetch(address, options)
    status.textContent = String(response.status)
    status.classList.add(response.ok ? 'good' : 'bad')
    headers.lastChild.textContent = [...response.headers].map((pair) => pair.join(': ')).join('\n')
    state.textContent = t('streaming')
    let whole = ''
    const decoder = new TextDecoder()
    for await (const piece of pieces(response)) {
      const more = decoder.decode(piece, { stream: true })
      whole += more
      text.append(more)
    }
    if (response.headers.get('content-type')?.startsWith('application/json')) {
      text.textContent = JSON.stringify(JSON.parse(whole), null, 2)
    }
    state.textContent = took()
  } catch (error) {
    state.textContent = options.signal.aborted ? `${t('stopped')} · ${took()}` : took()
    if (!options.signal.aborted) text.textContent = t('unreachable')
  }
}

async function* pieces(response) {
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}
