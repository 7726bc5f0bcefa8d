import { h, prose } from './dom.js'
import { t } from './words.js'

/** The schema that `schema` refers to, with what it says beside the reference. */
export function resolve(document, schema) {
  let found = schema ?? {}
  const seen = new Set()
  while (found.$ref !== undefined && !seen.has(found.$ref)) {
    seen.add(found.$ref)
    const { $ref, ...beside } = found
    const target = $ref
      .split('/')
      .slice(1)
      .reduce((at, name) => at?.[name], document)
    found = { ...target, ...beside }
  }
  return found
}

/** The members that `allOf` brings together. */
function merged(document, schema) {
  const whole = resolve(document, schema)
  if (whole.allOf === undefined) return whole
  const parts = whole.allOf.map((part) => merged(document, part))
  const properties = Object.assign({}, ...parts.map((part) => part.properties))
  const required = parts.flatMap((part) => part.required ?? [])
  return { type: 'object', ...whole, properties, required, description: parts[0]?.description }
}

const types = (schema) => [schema.type].flat()

/** What a value may be, in a few words. */
function kind(document, schema) {
  const found = resolve(document, schema)
  if (found.const !== undefined) return JSON.stringify(found.const)
  if (found.enum !== undefined) return found.enum.map((value) => JSON.stringify(value)).join(' | ')
  const options = found.anyOf ?? found.oneOf
  if (options !== undefined) {
    const names = options.map((option) => kind(document, option))
    return [...new Set(names)].join(' | ')
  }
  if (found.type === undefined) return found.properties === undefined ? 'any' : 'object'
  const item = types(found).includes('array') ? kind(document, found.items) : ''
  const list = item.includes(' | ') ? `(${item})[]` : `${item}[]`
  return types(found)
    .map((type) => (type === 'array' ? list : type))
    .join(' | ')
}

/** The same without null, which stands for "not given" where a member may be missing. */
function kindOfMember(document, schema, isRequired) {
  const whole = kind(document, schema)
  return isRequired ? whole : whole.replace(/ \| null$/, '')
}

const limits = [
  ['minimum', '≥'],
  ['exclusiveMinimum', '>'],
  ['maximum', '≤'],
  ['minLength', 'length ≥'],
  ['maxLength', 'length ≤'],
  ['minItems', 'items ≥'],
  ['maxItems', 'items ≤'],
]

/** Ranges of the type itself say nothing. */
function tellsNothing(key, value, schema) {
  const isWhole = types(schema).includes('integer')
  return isWhole && ((key === 'maximum' && value > 1e9) || (key === 'minimum' && value < -1e9))
}

function constraints(schema) {
  const known = limits.filter(
    ([key]) => schema[key] !== undefined && !tellsNothing(key, schema[key], schema),
  )
  return known.map(([key, sign]) => h('span', { class: 'limit' }, `${sign} ${schema[key]}`))
}

/** What stands inside a schema: its members, those of its items, or its choices. */
function inner(document, schema) {
  const found = merged(document, schema)
  if (found.properties !== undefined) return { members: found }
  if (types(found).includes('array') && found.items !== undefined)
    return inner(document, found.items)
  if (typeof found.additionalProperties === 'object') {
    return inner(document, found.additionalProperties)
  }
  const options = (found.anyOf ?? found.oneOf ?? [])
    .map((option) => ({ option, inside: inner(document, option) }))
    .filter(({ inside }) => inside !== undefined)
  if (options.length === 1) return options[0].inside
  return options.length > 1 ? { options } : undefined
}

/** A schema as a tree with what it says of itself. Levels are drawn as they are opened. */
export function tree(document, schema) {
  const inside = inner(document, schema)
  const { description } = merged(document, schema)
  return h(
    'div',
    {},
    description === undefined ? null : h('p', { class: 'about' }, prose(description)),
    inside === undefined
      ? h(
          'p',
          { class: 'kind alone' },
          kind(document, schema),
          ' ',
          constraints(resolve(document, schema)),
        )
      : branch(document, inside),
  )
}

function branch(document, inside) {
  if (inside.options !== undefined) {
    const choices = inside.options.map((choice) => branch(document, choice.inside))
    return h('div', { class: 'choices' }, h('p', { class: 'muted' }, t('anyOf')), choices)
  }
  const { properties, required = [] } = inside.members
  const rows = Object.entries(properties).map(([name, member]) =>
    row(document, { name, member, isRequired: required.includes(name) }),
  )
  return h('ul', { class: 'members' }, rows)
}

function row(document, { name, member, isRequired }) {
  const found = merged(document, member)
  const head = [
    h('code', { class: 'name' }, name),
    h('span', { class: 'kind' }, kindOfMember(document, member, isRequired)),
    constraints(found),
    isRequired ? h('span', { class: 'required' }, t('required')) : null,
    found.default === undefined || found.default === null
      ? null
      : h('span', { class: 'limit' }, `= ${JSON.stringify(found.default)}`),
  ]
  const about =
    found.description === undefined ? [] : [h('p', { class: 'about' }, prose(found.description))]
  const inside = inner(document, member)
  if (inside === undefined) return h('li', {}, h('div', { class: 'member' }, head), about)
  const details = h('details', {}, h('summary', { class: 'member' }, head))
  const draw = () => {
    if (details.open && details.childElementCount === 1) {
      details.append(...about, branch(document, inside))
    }
  }
  details.addEventListener('toggle', draw)
  return h('li', {}, details)
}
