/** A hanging chain: the curve that gave Catena its name. */
export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#4655d8" />
      <path
        d="M6 9c2.2 9.5 5.6 14 10 14S23.8 18.5 26 9"
        fill="none"
        stroke="#fff"
        strokeWidth="2.6"
        strokeLinecap="round"
      />
      <g fill="#fff">
        <circle cx="6" cy="9" r="2.6" />
        <circle cx="26" cy="9" r="2.6" />
        <circle cx="16" cy="23" r="2.6" />
      </g>
    </svg>
  )
}
