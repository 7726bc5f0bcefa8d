import type { Node, Parent, PhrasingContent, Root, Text } from 'mdast'
import type { Span } from '../api/types'
import { splitMarks } from './marks'

/** Replaces each leaf with a `value` (text, code) by what `replace` makes of it, if anything. */
function replaceLeaves(parent: Parent, replace: (leaf: Text) => Node[] | undefined): void {
  parent.children = parent.children.flatMap((child) => {
    if ('children' in child) {
      replaceLeaves(child as Parent, replace)
      return [child]
    }
    if (!('value' in child)) return [child]
    return (replace(child as Text) ?? [child]) as typeof parent.children
  })
}

/** A node that becomes the element `name`, whatever Markdown knows. */
function element(
  name: string,
  properties: Record<string, string>,
  children: PhrasingContent[],
): Node {
  const node = { type: 'emphasis', children, data: { hName: name, hProperties: properties } }
  return node satisfies Node
}

/** Turns citation marks of known numbers into `<cite data-number="n">`. Code is left alone. */
export function remarkMarks(options: { known: (number: number) => boolean }) {
  return (tree: Root) => {
    replaceLeaves(tree, (leaf) => {
      if (leaf.type !== 'text') return undefined
      return splitMarks(leaf.value, options.known).map((part) =>
        part.kind === 'text'
          ? ({ type: 'text', value: part.text } satisfies Text)
          : element('cite', { 'data-number': String(part.number) }, []),
      )
    })
  }
}

/**
 * Wraps what stands at `span` (UTF-16 offsets into `source`) in `<mark>`, through all the Markdown
 * structure it crosses.
 */
export function remarkHighlight(options: { source: string; span: Span }) {
  const { source, span } = options
  return (tree: Root) => {
    replaceLeaves(tree, (leaf) => {
      const from = leaf.position?.start.offset
      const to = leaf.position?.end.offset
      if (from === undefined || to === undefined) return undefined
      if (to <= span.start || from >= span.end) return undefined
      if (leaf.type !== 'text') return highlightWhole(leaf)
      const places = alignedPlaces(leaf.value, source.slice(from, to))
      const start = places.findIndex((place) => from + place >= span.start)
      const past = places.findIndex((place) => from + place >= span.end)
      return cut(leaf.value, start < 0 ? leaf.value.length : start, past < 0 ? undefined : past)
    })
  }
}

function highlightWhole(leaf: Node): Node[] {
  if (leaf.type === 'inlineCode') return [element('mark', {}, [leaf as PhrasingContent])]
  leaf.data = { ...leaf.data, hProperties: { className: ['cited-code'] } } as Node['data'] & object
  return [leaf]
}

function cut(value: string, start: number, end: number | undefined): Node[] | undefined {
  const inside = value.slice(start, end)
  if (inside.trim() === '') return undefined
  const after = end === undefined ? '' : value.slice(end)
  return [
    ...texts(value.slice(0, start)),
    element('mark', {}, texts(inside)),
    ...texts(after),
  ]
}

function texts(part: string): Text[] {
  return part === '' ? [] : [{ type: 'text', value: part }]
}

/**
 * Where each UTF-16 unit of a parsed text stands in the Markdown it came from. Parsing only leaves
 * things out (backslashes, indentation) or shortens them (entities), so a walk forward finds them.
 */
function alignedPlaces(value: string, source: string): number[] {
  let place = 0
  return Array.from({ length: value.length }, (_, index) => {
    const found = source.indexOf(value.charAt(index), place)
    const here = found < 0 ? place : found
    place = Math.min(here + 1, source.length)
    return here
  })
}
