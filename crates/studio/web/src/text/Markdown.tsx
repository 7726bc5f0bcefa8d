import { memo, type ComponentProps } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import remarkGfm from 'remark-gfm'

type Plugins = NonNullable<ComponentProps<typeof ReactMarkdown>['remarkPlugins']>

// Answers and documents are foreign text: raw HTML is shown as text (the library's default), no
// image is fetched, and a link opens beside the studio without telling where it came from.
const safe: Components = {
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ),
  img: ({ alt }) => <span className="no-image">{alt}</span>,
  table: ({ children }) => (
    <div className="table-scroll">
      <table>{children}</table>
    </div>
  ),
}

type Props = { source: string; plugins: Plugins; components?: Components }

/** Markdown without raw HTML, images or scripts. */
export const Markdown = memo(function Markdown({ source, plugins, components }: Props) {
  return (
    <div className="markdown">
      <ReactMarkdown
        remarkPlugins={[remarkGfm, ...plugins]}
        components={{ ...safe, ...components }}
      >
        {source}
      </ReactMarkdown>
    </div>
  )
})
