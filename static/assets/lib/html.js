// @ts-check
import htm from '../vendor/htm.js';
import { h } from '../vendor/preact.js';

export {
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from '../vendor/hooks.js';
export { createPortal, Fragment, render } from '../vendor/preact.js';

/** @typedef {import('../vendor/preact.js').ComponentChildren} Children */

/**
 * Markup as a tagged template. Values become text or properties, never markup, so a name that holds HTML stays a name.
 *
 * @type {(strings: TemplateStringsArray, ...values: any[]) => any}
 */
export const html = htm.bind(h);
