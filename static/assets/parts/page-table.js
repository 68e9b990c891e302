// @ts-check
import { Fragment, html, useId, useState } from '../lib/html.js';
import { useMedia } from '../lib/media.js';
import { Icon } from './icon.js';

/**
 * A table of rows that the server chose: it neither sorts nor searches. The roles are written out because a table laid
 * out as blocks, as on a phone, loses its own.
 *
 * @param {{ caption: string, columns: readonly import('./table.js').Column[], rows: readonly any[],
 *   rowKey: (row: any) => string, waiting?: boolean, expand: (row: any) => any, expandLabel: (row: any) => string }} props
 *   `waiting`: other rows are on their way
 */
export function PageTable({
  caption,
  columns: allColumns,
  rows,
  rowKey,
  waiting = false,
  expand,
  expandLabel,
}) {
  const id = useId();
  const widths = { tablet: useMedia('(width >= 720px)'), desktop: useMedia('(width >= 1024px)') };
  const columns = allColumns.filter(({ from }) => from === undefined || widths[from]);
  const [opened, setOpened] = useState(/** @type {ReadonlySet<string>} */ (new Set()));

  /** @param {string} key */
  function toggle(key) {
    const next = new Set(opened);
    if (!next.delete(key)) next.add(key);
    setOpened(next);
  }

  return html`<table class=${`table page-table ${waiting ? 'is-waiting' : ''}`} role="table" aria-busy=${waiting ? 'true' : 'false'}>
    <caption class="visually-hidden">
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map(
          column => html`<th key=${column.id} scope="col" role="columnheader" class=${cellClass(column)}>
            ${column.hiddenLabel ? html`<span class="visually-hidden">${column.label}</span>` : column.label}
          </th>`,
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(row => {
        const key = rowKey(row);
        const open = opened.has(key);
        const detailId = `${id}-${key}`;
        return html`<${Fragment} key=${key}>
          <tr role="row" class=${open ? 'row is-open' : 'row'} data-row=${key}>
            ${columns.map((column, index) =>
              index === 0
                ? html`<th scope="row" role="rowheader" class=${cellClass(column)}>
                    <div class="row-head">
                      <button
                        type="button"
                        class="button button-quiet button-icon expander"
                        aria-expanded=${open ? 'true' : 'false'}
                        aria-controls=${open ? detailId : undefined}
                        aria-label=${expandLabel(row)}
                        onClick=${() => toggle(key)}
                      >
                        <${Icon} name="chevron" />
                      </button>
                      ${column.render(row)}
                    </div>
                  </th>`
                : html`<td role="cell" class=${cellClass(column)}>${column.render(row)}</td>`,
            )}
          </tr>
          ${
            open &&
            html`<tr role="row" class="row-detail" id=${detailId}>
              <td role="cell" colspan=${columns.length}>${expand(row)}</td>
            </tr>`
          }
        <//>`;
      })}
    </tbody>
  </table>`;
}

/** @param {import('./table.js').Column} column */
function cellClass(column) {
  return column.numeric ? `numeric column-${column.id}` : `column-${column.id}`;
}
