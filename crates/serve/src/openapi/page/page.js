import { h, recall, remember } from './dom.js'
import { requestForm } from './request.js'
import { tree } from './schema.js'
import { changeLanguage, t, tag, told } from './words.js'

const methods = ['get', 'post', 'put', 'patch', 'delete']
let api
let key = sessionStorage.getItem('catena.key') ?? ''
let wanted = ''

const credentials = () => (key === '' ? {} : { authorization: `Bearer ${key}` })
const answers = (path) => fetch(path, { headers: credentials() })

/** The operations by their tags, in the order of the document. */
function groups() {
  const found = new Map(api.tags.map(({ name }) => [name, []]))
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of methods.filter((name) => item[name] !== undefined)) {
      const operation = item[method]
      found.get(operation.tags[0]).push({ path, method: method.toUpperCase(), operation })
    }
  }
  return found
}

let served
/** What is served, each model with what it can do. */
function models() {
  served ??= (async () => {
    const list = await (await answers('/v1/models')).json()
    const ask = async ({ id }) => {
      const body = JSON.stringify({ model: id })
      const response = await fetch('/api/show', { method: 'POST', headers: credentials(), body })
      return { id, capabilities: response.ok ? (await response.json()).capabilities : [] }
    }
    return await Promise.all(list.data.map(ask))
  })().catch(() => [])
  return served
}

/** A model that an operation can use. */
async function modelFor({ operationId }) {
  const need = /embed|rerank/.test(operationId) ? 'embedding' : 'completion'
  const all = await models()
  return (all.find(({ capabilities }) => capabilities.includes(need)) ?? all[0])?.id
}

function method(name) {
  return h('span', { class: `method ${name.toLowerCase()}` }, name)
}

function sidebar(chosen) {
  const list = h('div', { class: 'list' })
  const draw = () => {
    const parts = []
    for (const [name, operations] of groups()) {
      const shown = operations.filter(({ path, operation }) =>
        `${path} ${operation.summary} ${told(operation.summary)}`.toLowerCase().includes(wanted),
      )
      if (shown.length === 0) continue
      const links = shown.map(({ path, method: verb, operation }) => {
        const link = {
          href: `#${operation.operationId}`,
          'aria-current': operation.operationId === chosen ? 'page' : null,
          title: told(operation.summary),
        }
        return h('a', link, method(verb), h('span', { class: 'path' }, path))
      })
      parts.push(h('section', {}, h('h2', {}, told(name)), links))
    }
    list.replaceChildren(...(parts.length > 0 ? parts : [h('p', { class: 'muted' }, t('nothing'))]))
  }
  const search = h('input', {
    type: 'search',
    placeholder: t('search'),
    'aria-label': t('search'),
    value: wanted,
    oninput: (event) => {
      wanted = event.target.value.trim().toLowerCase()
      draw()
    },
  })
  draw()
  return h('nav', { 'aria-label': t('operations') }, search, list)
}

function detail({ path, method: verb, operation }) {
  const responses = Object.entries(operation.responses).map(([status, response]) => {
    const content = Object.entries(response.content ?? {})
    const media = content.map(([name]) => name).join(', ')
    const mood = status < 400 ? 'good' : 'bad'
    const head = [
      h('span', { class: `status ${mood}` }, status),
      ` ${told(response.description)} `,
      h('span', { class: 'muted' }, media),
    ]
    const details = h('details', {}, h('summary', {}, head))
    details.addEventListener('toggle', () => {
      if (details.childElementCount > 1) return
      const json = response.content?.['application/json']?.schema
      if (json !== undefined) details.append(tree(api, json))
    })
    return details
  })
  const isPublic = operation.security?.length === 0
  return h(
    'article',
    {},
    h('h1', {}, told(operation.summary)),
    h(
      'p',
      { class: 'address' },
      method(verb),
      h('code', {}, path),
      isPublic ? h('span', { class: 'muted' }, t('publicPath')) : null,
    ),
    requestForm({ document: api, path, method: verb, operation, key: () => key, modelFor }),
    h('h3', {}, t('answers')),
    h('div', { class: 'responses' }, responses),
  )
}

function header() {
  const input = h('input', {
    type: 'password',
    class: 'key',
    placeholder: t('key'),
    title: t('keyHint'),
    'aria-label': t('key'),
    autocomplete: 'off',
    value: key,
    oninput: (event) => {
      key = event.target.value.trim()
      served = undefined
      sessionStorage.setItem('catena.key', key)
    },
    onchange: () => api === undefined && start(),
  })
  const other = () => {
    changeLanguage()
    if (api === undefined) start()
    else draw()
  }
  const words = h('button', { type: 'button', onclick: other }, t('language'))
  const name = t('theme')
  const theme = h(
    'button',
    { type: 'button', 'aria-label': name, title: name, onclick: changeTheme },
    '◐',
  )
  const brand = h(
    'a',
    { class: 'brand', href: '#' },
    h('img', { class: 'logo', src: '/docs/icon.svg', alt: '' }),
    `Catena ${t('title')}`,
    h('span', { class: 'muted' }, api?.info.version ?? ''),
  )
  return h('header', {}, brand, h('div', { class: 'tools' }, input, words, theme))
}

function isDark() {
  const stored = recall('theme')
  return stored === null ? matchMedia('(prefers-color-scheme: dark)').matches : stored === 'dark'
}

function showTheme() {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light'
}

function changeTheme() {
  remember('theme', isDark() ? 'light' : 'dark')
  showTheme()
}

function draw() {
  document.documentElement.lang = tag()
  const chosen = location.hash.slice(1)
  const all = [...groups().values()].flat()
  const found = all.find(({ operation }) => operation.operationId === chosen)
  const shown = found === undefined ? h('p', { class: 'empty muted' }, t('choose')) : detail(found)
  const scrolled = document.querySelector('nav .list')?.scrollTop ?? 0
  const columns = h(
    'div',
    { class: found === undefined ? 'page unchosen' : 'page' },
    sidebar(chosen),
    h('main', { tabindex: '-1' }, shown),
  )
  document.body.replaceChildren(header(), columns)
  document.querySelector('nav .list').scrollTop = scrolled
}

/** Says why there is nothing to see, and what to do. */
function complain(message, action) {
  document.documentElement.lang = tag()
  const again = h('button', { class: 'primary', type: 'button', onclick: start }, action)
  document.body.replaceChildren(header(), h('main', { class: 'alone' }, h('p', {}, message), again))
}

async function start() {
  try {
    const response = await answers('/openapi.json')
    if (response.status === 401) return complain(t('keyNeeded'), t('load'))
    if (!response.ok) return complain(`${t('failed')} (${response.status})`, t('retry'))
    api = await response.json()
    draw()
  } catch {
    complain(t('unreachable'), t('retry'))
  }
}

showTheme()
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', showTheme)
addEventListener('hashchange', () => api !== undefined && draw())
start()
