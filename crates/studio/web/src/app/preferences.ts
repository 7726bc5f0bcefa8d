import { useSyncExternalStore } from 'react'

export type Scheme = 'light' | 'dark'

/** Reads a remembered choice. A browser may refuse storage; then nothing is remembered. */
export function recall(key: string): string | null {
  try {
    return window.localStorage.getItem(`catena.${key}`)
  } catch {
    return null
  }
}

/** Remembers a choice, where the browser lets us. */
export function remember(key: string, value: string): void {
  try {
    window.localStorage.setItem(`catena.${key}`, value)
  } catch {
    // The choice then holds until the page is closed.
  }
}

const darkQuery = '(prefers-color-scheme: dark)'
const listeners = new Set<() => void>()
let chosen: Scheme | undefined

function currentScheme(): Scheme {
  if (chosen === undefined) {
    const stored = recall('theme')
    if (stored === 'light' || stored === 'dark') chosen = stored
  }
  return chosen ?? (window.matchMedia(darkQuery).matches ? 'dark' : 'light')
}

function subscribe(listener: () => void): () => void {
  const media = window.matchMedia(darkQuery)
  listeners.add(listener)
  media.addEventListener('change', listener)
  return () => {
    listeners.delete(listener)
    media.removeEventListener('change', listener)
  }
}

/** Light or dark: what the user chose, else what the system prefers. */
export function useScheme(): [Scheme, (scheme: Scheme) => void] {
  const scheme = useSyncExternalStore(subscribe, currentScheme)
  return [
    scheme,
    (next) => {
      chosen = next
      remember('theme', next)
      for (const listener of listeners) listener()
    },
  ]
}
