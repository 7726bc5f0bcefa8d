import { useSyncExternalStore } from 'react'

const pages = ['chat', 'data', 'training', 'report'] as const

export type Page = (typeof pages)[number]

/** The page a path leads to; anything unknown is the chat. */
export function pageOf(path: string): Page {
  const name = path.replace(/\/+$/, '').slice(1)
  return pages.find((page) => page === name) ?? 'chat'
}

const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  window.addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('popstate', listener)
  }
}

/** The page of the current address. */
export function usePage(): Page {
  return useSyncExternalStore(subscribe, () => pageOf(window.location.pathname))
}

/** Goes to `page` without loading the document again. */
export function navigate(page: Page): void {
  if (window.location.pathname === `/${page}`) return
  window.history.pushState(null, '', `/${page}`)
  for (const listener of listeners) listener()
}
