import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'

/** How far from the end still counts as reading the newest words, in pixels. */
const slack = 80

/**
 * Keeps a scrolling box at its end while its content grows, unless the reader has scrolled up; then
 * it stays where it is until `toEnd`.
 */
export function useFollowEnd() {
  const box = useRef<HTMLDivElement>(null)
  const following = useRef(true)
  const [atEnd, setAtEnd] = useState(true)

  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const onScroll = () => {
      const left = element.scrollHeight - element.scrollTop - element.clientHeight
      following.current = left < slack
      setAtEnd(following.current)
    }
    element.addEventListener('scroll', onScroll, { passive: true })
    return () => element.removeEventListener('scroll', onScroll)
  }, [])

  // After every rendering, for any of them may have added words.
  useLayoutEffect(() => {
    const element = box.current
    if (element !== null && following.current) element.scrollTop = element.scrollHeight
  })

  const toEnd = useCallback(() => {
    following.current = true
    setAtEnd(true)
    const element = box.current
    if (element !== null) element.scrollTop = element.scrollHeight
  }, [])

  return { box, atEnd, toEnd }
}
