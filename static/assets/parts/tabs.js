// @ts-check
import { html, useId, useRef } from '../lib/html.js';

/**
 * Tabs after the ARIA pattern: arrow keys, Home and End move and choose.
 *
 * @param {{ label: string, tabs: readonly { id: string, label: string }[], chosen: string,
 *   onChoose: (id: string) => void, tools?: any, children?: import('../lib/html.js').Children }} props `children`: the
 *   chosen panel; `tools` stand beside the tabs
 */
export function Tabs({ label, tabs, chosen, onChoose, tools, children }) {
  const id = useId();
  const list = useRef(/** @type {HTMLElement | null} */ (null));

  /** @param {KeyboardEvent} event */
  function move(event) {
    const now = tabs.findIndex(tab => tab.id === chosen);
    const last = tabs.length - 1;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowRight: now === last ? 0 : now + 1,
      ArrowLeft: now === 0 ? last : now - 1,
      Home: 0,
      End: last,
    };
    const next = tabs[targets[event.key] ?? -1];
    if (next === undefined) return;
    event.preventDefault();
    onChoose(next.id);
    /** @type {HTMLElement | null | undefined} */ (
      list.current?.querySelector(`[data-tab="${next.id}"]`)
    )?.focus();
  }

  return html`<div class="tabs">
    <div class="tab-row">
      <div class="tab-list" role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
      ${tabs.map(
        tab => html`<button
          type="button"
          role="tab"
          key=${tab.id}
          id=${`${id}-${tab.id}`}
          data-tab=${tab.id}
          aria-selected=${tab.id === chosen ? 'true' : 'false'}
          aria-controls=${`${id}-panel`}
          tabindex=${tab.id === chosen ? 0 : -1}
          onClick=${() => onChoose(tab.id)}
        >
          ${tab.label}
        </button>`,
      )}
      </div>
      ${tools}
    </div>
    <div class="tab-panel" role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-${chosen}`}>${children}</div>
  </div>`;
}
