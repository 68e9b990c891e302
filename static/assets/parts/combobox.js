// @ts-check
import { html, useEffect, useId, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Icon } from './icon.js';

const MOST_SHOWN = 50;

/**
 * A choice among many texts, found by typing (ARIA combobox with a list). Leaving it without a choice keeps the old one.
 *
 * @param {{ label: string, options: readonly string[], value: string, onChoose: (value: string) => void }} props
 */
export function Combobox({ label, options, value, onChoose }) {
  const id = useId();
  const [typed, setTyped] = useState(/** @type {string | undefined} */ (undefined));
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const list = useRef(/** @type {HTMLElement | null} */ (null));

  const wanted = (typed ?? '').toLowerCase();
  const found = open ? options.filter(option => option.toLowerCase().includes(wanted)) : [];
  const shown = found.slice(0, MOST_SHOWN);

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [active, open]);

  function close() {
    setOpen(false);
    setTyped(undefined);
    setActive(-1);
  }

  function show() {
    setOpen(true);
    setActive(options.indexOf(value) < MOST_SHOWN ? options.indexOf(value) : -1);
  }

  /** @param {string | undefined} option */
  function choose(option) {
    if (option !== undefined) onChoose(option);
    close();
  }

  /** @param {KeyboardEvent} event */
  function move(event) {
    if (event.key === 'Escape' && open) {
      event.stopPropagation();
      close();
    } else if (event.key === 'Enter' && open) {
      event.preventDefault();
      choose(shown[active] ?? (shown.length === 1 ? shown[0] : undefined));
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!open) return show();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      setActive((active + step + shown.length) % Math.max(1, shown.length));
    }
  }

  return html`<div class="combobox">
    <label class="visually-hidden" for=${`${id}-input`}>${label}</label>
    <div class="input-frame">
      <input
        id=${`${id}-input`}
        class="input mono"
        role="combobox"
        autocomplete="off"
        spellcheck=${false}
        aria-autocomplete="list"
        aria-expanded=${open ? 'true' : 'false'}
        aria-controls=${`${id}-list`}
        aria-activedescendant=${open && active >= 0 ? `${id}-${active}` : undefined}
        value=${typed ?? value}
        onInput=${(/** @type {any} */ event) => {
          setTyped(event.currentTarget.value);
          setOpen(true);
          setActive(0);
        }}
        onClick=${(/** @type {any} */ event) => {
          event.currentTarget.select();
          if (!open) show();
        }}
        onKeyDown=${move}
        onBlur=${close}
      />
      <${Icon} name="chevron" class="combobox-arrow" />
    </div>
    <ul id=${`${id}-list`} role="listbox" aria-label=${label} hidden=${!open} ref=${list}>
      ${shown.map(
        (option, index) => html`<li
          key=${option}
          id=${`${id}-${index}`}
          role="option"
          aria-selected=${index === active ? 'true' : 'false'}
          onMouseDown=${(/** @type {Event} */ event) => {
            event.preventDefault();
            choose(option);
          }}
        >
          ${option}${option === value && html`<${Icon} name="check" />`}
        </li>`,
      )}
      ${open && found.length === 0 && html`<li class="muted" role="option" aria-selected="false" aria-disabled="true">${t('combobox.none')}</li>`}
      ${found.length > MOST_SHOWN && html`<li class="muted" role="option" aria-selected="false" aria-disabled="true">${t('combobox.more', { count: found.length - MOST_SHOWN })}</li>`}
    </ul>
  </div>`;
}
