import { theme as antd, type ThemeConfig } from 'antd'
import type { Scheme } from './preferences'

/** Every colour of the studio. CSS reads them as `--name`; Ant Design and the charts as values. */
export type Palette = {
  page: string
  surface: string
  sunken: string
  line: string
  ink: string
  muted: string
  primary: string
  primarySoft: string
  mark: string
  markLine: string
  good: string
  bad: string
  slate: string
  teal: string
  amber: string
}

const light: Palette = {
  page: '#f5f6fa',
  surface: '#ffffff',
  sunken: '#eef0f7',
  line: '#e2e5ee',
  ink: '#1a2033',
  muted: '#626c83',
  primary: '#4655d8',
  primarySoft: '#e9ebfc',
  mark: '#fff0b8',
  markLine: '#e0a800',
  good: '#0c8a5f',
  bad: '#c8372d',
  slate: '#a3adc0',
  teal: '#14a08f',
  amber: '#e39a1b',
}

const dark: Palette = {
  page: '#0e1118',
  surface: '#161a24',
  sunken: '#1e2431',
  line: '#2a3142',
  ink: '#e5e9f2',
  muted: '#98a3ba',
  primary: '#8591ff',
  primarySoft: '#262c4d',
  mark: '#4a3f10',
  markLine: '#d9a520',
  good: '#3ecf98',
  bad: '#ff7a70',
  slate: '#66728a',
  teal: '#2fc0ad',
  amber: '#f0b04a',
}

export function paletteOf(scheme: Scheme): Palette {
  return scheme === 'dark' ? dark : light
}

export const fontFamily =
  "Inter, 'Segoe UI', system-ui, -apple-system, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', " +
  "'Noto Sans SC', 'WenQuanYi Zen Hei', sans-serif"

/** Puts the palette where the style sheets find it. */
export function applyPalette(scheme: Scheme): void {
  const root = document.documentElement
  root.dataset['theme'] = scheme
  root.style.colorScheme = scheme
  root.style.setProperty('--font', fontFamily)
  for (const [name, colour] of Object.entries(paletteOf(scheme))) {
    const variable = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    root.style.setProperty(`--${variable}`, colour)
  }
}

/** The palette as an Ant Design theme. */
export function themeOf(scheme: Scheme): ThemeConfig {
  const colours = paletteOf(scheme)
  return {
    algorithm: scheme === 'dark' ? antd.darkAlgorithm : antd.defaultAlgorithm,
    token: {
      fontFamily,
      borderRadius: 8,
      colorPrimary: colours.primary,
      colorInfo: colours.primary,
      colorLink: colours.primary,
      colorSuccess: colours.good,
      colorError: colours.bad,
      colorBgLayout: colours.page,
      colorBgContainer: colours.surface,
      colorBgElevated: colours.surface,
      colorBorder: colours.line,
      colorBorderSecondary: colours.line,
      colorText: colours.ink,
      colorTextSecondary: colours.muted,
      colorTextPlaceholder: colours.muted,
    },
  }
}
