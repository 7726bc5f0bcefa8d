import { renderToStaticMarkup } from 'react-dom/server'
import { expect, it } from 'vitest'
import { Markdown } from './Markdown'
import { utf16Span } from './offsets'
import { remarkHighlight, remarkMarks } from './remark'

function marked(source: string): string {
  const known = (number: number) => number <= 2
  return renderToStaticMarkup(<Markdown source={source} plugins={[[remarkMarks, { known }]]} />)
}

/** The highlighted pieces, in order. */
function highlighted(source: string, quote: string): string[] {
  const start = Buffer.byteLength(source.slice(0, source.indexOf(quote)))
  const span = utf16Span(source, { start, end: start + Buffer.byteLength(quote) })
  const html = renderToStaticMarkup(
    <Markdown source={source} plugins={[[remarkHighlight, { source, span }]]} />,
  )
  return [...html.matchAll(/<mark>(.*?)<\/mark>/gs)].map((match) =>
    (match[1] ?? '').replace(/<[^>]*>/g, ''),
  )
}

it('makes marks elements, in every structure', () => {
  expect(marked('so [1]')).toContain('so <cite data-number="1"></cite>')
  expect(marked('- **so [2]**')).toContain('<cite data-number="2"></cite></strong>')
})

it('leaves code and unknown numbers alone', () => {
  expect(marked('`a[1]`')).toContain('<code>a[1]</code>')
  expect(marked('so [7]')).toContain('so [7]')
})

it('shows HTML as text, fetches no image and lets no script into a link', () => {
  const html = marked('<img src=x onerror=alert(1)> ![alt](http://x/y.png) [go](javascript:alert(1))')
  expect(html).not.toMatch(/<img|javascript:/)
  expect(html).toContain('&lt;img')
})

it('highlights a part of a paragraph', () =>
  expect(highlighted('One. Two — 2. Three.', 'Two — 2.')).toEqual(['Two — 2.']))
it('highlights through emphasis, code and links', () =>
  expect(highlighted('a **b** `c` [d](u) e', '**b** `c` [d](u)')).toEqual(['b', 'c', 'd']))
it('highlights across paragraphs, lists and tables', () => {
  expect(highlighted('a\n\n- b\n- c\n\nd', 'a\n\n- b')).toEqual(['a', 'b'])
  expect(highlighted('| x | y |\n| - | - |\n| é | z |\n', '| é |')).toEqual(['é'])
})
it('finds its place behind escapes, entities and continued lines', () => {
  expect(highlighted('1\\. one &amp; two', 'two')).toEqual(['two'])
  expect(highlighted('- first\n  second third', 'third')).toEqual(['third'])
})
it('highlights nothing outside the text', () => expect(highlighted('a\n\n---\n\nb', '---')).toEqual([]))
