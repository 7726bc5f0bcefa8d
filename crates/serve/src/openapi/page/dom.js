/**
 * Makes an element. Properties that begin with `on` are listeners, the others are set as attributes;
 * `false`, null and undefined are left out.
 */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else element.setAttribute(key, value === true ? '' : value)
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined))
  return element
}

/** Text with `code` between backticks. */
export function prose(text) {
  return text.split('`').map((part, idx) => (idx % 2 === 1 ? h('code', {}, part) : part))
}

/** A choice that the browser remembers; the studio's pages share it. */
export function recall(key) {
  try {
    return localStorage.getItem(`catena.${key}`)
  } catch {
    return null
  }
}

/** Remembers a choice, where the browser lets us. */
export function remember(key, value) {
  try {
    localStorage.setItem(`catena.${key}`, value)
  } catch {
    // The choice then holds until the page is closed.
  }
}
