// @ts-check
import { html } from '../lib/html.js';

/** Line drawings on a 16 × 16 grid. */
const drawings = {
  alert: 'M8 2.2 14.6 13.4H1.4zM8 6.4v3.2M8 11.5v.1',
  check: 'M3 8.5 6.4 12 13 4.6',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  clock: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M8 4.6V8l2.4 1.6',
  close: 'M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4',
  console: 'M2.2 3h11.6v10H2.2zM4.8 6.2 6.8 8l-2 1.8M8.4 10h2.8',
  copy: 'M5.6 5.6h7.2v7.6H5.6zM10.4 3V2.8H3.2v7.6h.2',
  dark: 'M13.4 9.6A5.8 5.8 0 0 1 6.4 2.6a5.8 5.8 0 1 0 7 7',
  down: 'M8 3v9.6M4.2 9 8 12.8 11.8 9',
  download: 'M8 2.4v7.4M5 7l3 3 3-3M2.8 13.2h10.4',
  edit: 'M10.6 2.8 13.2 5.4 5.6 13H3v-2.6zM9 4.4 11.6 7',
  eye: 'M1.6 8S4 3.8 8 3.8 14.4 8 14.4 8 12 12.2 8 12.2 1.6 8 1.6 8M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6',
  handle: 'M6 3.4v.1M10 3.4v.1M6 8v.1M10 8v.1M6 12.6v.1M10 12.6v.1',
  leave: 'M6.4 2.8H3v10.4h3.4M10 5l3 3-3 3M13 8H6.2',
  light:
    'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1.4v1.2M8 13.4v1.2M1.4 8h1.2M13.4 8h1.2M3.3 3.3l.9.9M11.8 11.8l.9.9M3.3 12.7l.9-.9M11.8 4.2l.9-.9',
  list: 'M5.6 4h8M5.6 8h8M5.6 12h8M2.6 4v.1M2.6 8v.1M2.6 12v.1',
  panel: 'M2.4 13.4h11.2M4 10.8V7.6M8 10.8V3M12 10.8V5.6',
  plus: 'M8 3v10M3 8h10',
  search: 'M7 2.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8M10.2 10.2l3.4 3.4',
  sync: 'M13.2 6.4A5.4 5.4 0 0 0 3.6 5M2.8 9.6A5.4 5.4 0 0 0 12.4 11M3.4 2.4V5H6M12.6 13.6V11H10',
  system: 'M2 3h12v8H2zM5.6 13.6h4.8M8 11v2.6',
  trash: 'M2.8 4.4h10.4M6.2 4.2V2.6h3.6v1.6M4.2 4.6l.6 8.8h6.4l.6-8.8M6.8 7v3.8M9.2 7v3.8',
  try: 'M8.9 1.8 3.6 9h3.7l-.6 5.2L12.2 7H8.4z',
  undo: 'M3 6.6h6.6a3.4 3.4 0 0 1 0 6.8H6M5.8 3.6 2.8 6.6l3 3',
  up: 'M8 13V3.4M4.2 7 8 3.2 11.8 7',
  upload: 'M8 9.8V2.6M5 5.4l3-3 3 3M2.8 13.2h10.4',
  wake: 'M8 4.4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M8 6.4v2l1.4 1M2.4 5 4.8 2.8M13.6 5l-2.4-2.2',
};

/** @typedef {keyof typeof drawings} IconName */

/**
 * A small picture beside a text; it says nothing to a screen reader.
 *
 * @param {{ name: IconName, class?: string }} props
 */
export function Icon({ name, class: extra = '' }) {
  return html`<svg class=${`icon ${extra}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d=${drawings[name]} />
  </svg>`;
}

/** The sign of the program: one track in, three out. */
export function Logo() {
  return html`<svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" />
    <g>
      <path d="M6 16h18" />
      <path d="M9 16c5 0 5-7.5 10-7.5h4" />
      <path class="logo-branch" d="M9 16c5 0 5 7.5 10 7.5h4" />
    </g>
    <circle cx="26" cy="16" r="2.2" />
  </svg>`;
}
