// @ts-check
import { html, useLayoutEffect, useRef, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Icon } from '../../parts/icon.js';
import { CountsBar } from '../../pool/counts-bar.js';
import { keysAddress } from '../keys/filters.js';
import { DEFAULT_POOL } from './requests.js';

/** @typedef {import('./requests.js').PoolGroup} PoolGroup */

/**
 * The pools in the order in which they are asked. A pool moves by its buttons, by the arrow keys on its handle, or by
 * dragging the handle.
 *
 * @param {{ groups: readonly PoolGroup[], onMove: (from: number, to: number) => void,
 *   onTask: (task: import('./view.js').Task) => void }} props
 */
export function PoolList({ groups, onMove, onTask }) {
  const [dragged, setDragged] = useState(/** @type {number | undefined} */ (undefined));
  const [over, setOver] = useState(/** @type {number | undefined} */ (undefined));
  const list = useRef(/** @type {HTMLElement | null} */ (null));

  /** What moved a pool, and has the focus again when it stands in its new place. */
  const mover = useRef(/** @type {{ id: string, control: string } | undefined} */ (undefined));
  const places = groups.map(({ id }) => id).join();

  useLayoutEffect(() => {
    if (mover.current === undefined) return;
    const { id, control } = mover.current;
    mover.current = undefined;
    const item = list.current?.querySelector(`[data-pool="${CSS.escape(id)}"]`);
    const wanted = /** @type {HTMLButtonElement | null | undefined} */ (
      item?.querySelector(`[data-control="${control}"]`)
    );
    const handle = /** @type {HTMLElement | null | undefined} */ (
      item?.querySelector('[data-control="handle"]')
    );
    // A button at the end of its way is disabled and cannot hold the focus.
    (wanted?.disabled ? handle : wanted)?.focus();
  }, [places]);

  /**
   * @param {number} from
   * @param {number} to
   * @param {string} control
   */
  function step(from, to, control) {
    const id = groups[from]?.id;
    if (id === undefined || to < 0 || to >= groups.length || to === from) return;
    mover.current = { id, control };
    onMove(from, to);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} index
   */
  function onKey(event, index) {
    /** @type {Record<string, number>} */
    const targets = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: groups.length - 1 };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    step(index, target, 'handle');
  }

  function drop() {
    if (dragged !== undefined && over !== undefined && dragged !== over) onMove(dragged, over);
    setDragged(undefined);
    setOver(undefined);
  }

  return html`<ol class="pool-list" ref=${list}>
    ${groups.map(
      (group, index) => html`<li
        key=${group.id}
        data-pool=${group.id}
        class=${`pool-item ${index === dragged ? 'is-dragged' : ''} ${index === over && over !== dragged ? (over < (dragged ?? 0) ? 'is-over-top' : 'is-over-bottom') : ''}`}
        onDragOver=${(/** @type {DragEvent} */ event) => {
          if (dragged === undefined) return;
          event.preventDefault();
          setOver(index);
        }}
        onDrop=${(/** @type {DragEvent} */ event) => {
          event.preventDefault();
          drop();
        }}
      >
        <button
          type="button"
          class="pool-handle"
          data-control="handle"
          draggable
          aria-label=${t('pools.handle', { name: group.name, place: index + 1, count: groups.length })}
          title=${t('pools.handleTitle')}
          onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKey(event, index)}
          onDragStart=${(/** @type {DragEvent} */ event) => {
            event.dataTransfer?.setData('text/plain', group.name);
            setDragged(index);
          }}
          onDragEnd=${() => {
            setDragged(undefined);
            setOver(undefined);
          }}
        >
          <${Icon} name="handle" />
        </button>
        <span class="pool-place" aria-hidden="true">${index + 1}</span>
        <div class="pool-name">
          <h2>${group.name}${' '}<code class="muted">${group.id}</code></h2>
          <p class="muted">${group.description || (group.id === DEFAULT_POOL ? t('pools.defaultText') : '')}</p>
        </div>
        <div class="pool-counts">
          <a href=${keysAddress({ pool: group.id })}>${t('pools.keys', { count: group.counts.total })}</a>
          <${CountsBar} counts=${group.counts} />
        </div>
        <div class="row-actions">
          <${Button} icon="up" iconOnly kind="quiet" data-control="up" text=${t('pools.up', { name: group.name })} disabled=${index === 0} onClick=${() => step(index, index - 1, 'up')} />
          <${Button} icon="down" iconOnly kind="quiet" data-control="down" text=${t('pools.down', { name: group.name })} disabled=${index === groups.length - 1} onClick=${() => step(index, index + 1, 'down')} />
          <${Button} icon="edit" iconOnly kind="quiet" text=${t('pools.editOf', { name: group.name })} onClick=${() => onTask({ kind: 'edit', group })} />
          <${Button}
            icon="trash"
            iconOnly
            kind="quiet"
            text=${group.id === DEFAULT_POOL ? t('pools.defaultStays') : t('pools.deleteOf', { name: group.name })}
            disabled=${group.id === DEFAULT_POOL}
            onClick=${() => onTask({ kind: 'delete', group })}
          />
        </div>
      </li>`,
    )}
  </ol>`;
}
