// @ts-check
import { Fragment, html, useId, useMemo, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { useMedia } from '../lib/media.js';
import { Icon } from './icon.js';
import { Pager } from './pager.js';
import { arrange } from './table-order.js';

/**
 * @typedef {object} Column
 * @property {string} id
 * @property {string} label
 * @property {(row: any) => any} render
 * @property {(row: any) => number | string} [sortBy] without it the column cannot be sorted
 * @property {boolean} [numeric] set to the right; the first click on it sorts the largest first
 * @property {'tablet' | 'desktop'} [from] narrowest screen that shows the column
 * @property {boolean} [hiddenLabel] the label is for screen readers only
 */

/**
 * A table that sorts, searches and pages, so that ten thousand rows cost no more to show than fifty. While the pointer or
 * the focus is in it, rows keep their places even when live figures would move them. The roles are written out because
 * a table laid out as blocks, as on a phone, loses its own.
 *
 * @param {{ caption: string, columns: readonly Column[], rows: readonly any[], rowKey: (row: any) => string,
 *   sort: { column: string, descending: boolean }, pageSize?: number, search?: { label: string, text: (row: any) => string },
 *   heading?: any, tools?: any, expand?: (row: any) => any, expandLabel?: (row: any) => string, empty: any, class?: string }} props
 */
export function Table({
  caption,
  columns: allColumns,
  rows,
  rowKey,
  sort: firstSort,
  pageSize = 25,
  search,
  heading,
  tools,
  expand,
  expandLabel,
  empty,
  class: extra = '',
}) {
  const id = useId();
  const [sort, setSort] = useState(firstSort);
  const [query, setQuery] = useState('');
  const [page, setPage] = useState(0);
  const [opened, setOpened] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const widths = { tablet: useMedia('(width >= 720px)'), desktop: useMedia('(width >= 1024px)') };
  const columns = allColumns.filter(({ from }) => from === undefined || widths[from]);
  const held = useRef(false);
  const previous = useRef(/** @type {{ keys: string[], signature: string }} */ ({ keys: [], signature: '' }));

  const sorter = allColumns.find(column => column.id === sort.column)?.sortBy;
  const shown = useMemo(() => {
    const signature = `${sort.column} ${sort.descending} ${query}`;
    const keep = held.current && previous.current.signature === signature ? previous.current.keys : undefined;
    const arranged = arrange({
      rows,
      rowKey,
      ...(search !== undefined && { text: search.text }),
      query,
      ...(sorter !== undefined && { sortBy: sorter }),
      descending: sort.descending,
      ...(keep !== undefined && { keep }),
    });
    previous.current = { keys: arranged.map(rowKey), signature };
    return arranged;
  }, [rows, sort.column, sort.descending, query]);

  const pages = Math.max(1, Math.ceil(shown.length / pageSize));
  const current = Math.min(page, pages - 1);
  const visible = shown.slice(current * pageSize, (current + 1) * pageSize);

  /** @param {Column} column */
  function sortOn(column) {
    held.current = false;
    setPage(0);
    setSort({
      column: column.id,
      descending: sort.column === column.id ? !sort.descending : column.numeric === true,
    });
  }

  /** @param {string} key */
  function toggle(key) {
    const next = new Set(opened);
    if (!next.delete(key)) next.add(key);
    setOpened(next);
  }

  return html`<div class=${`table-box ${extra}`}>
    ${
      (search || tools || heading) &&
      html`<div class="table-tools">
        ${heading}
        ${
          search &&
          html`<div class="search">
            <${Icon} name="search" />
            <input
              type="search"
              class="input"
              aria-label=${search.label}
              placeholder=${search.label}
              value=${query}
              autocomplete="off"
              spellcheck=${false}
              onInput=${(/** @type {any} */ event) => {
                setQuery(event.currentTarget.value);
                setPage(0);
              }}
            />
          </div>`
        }
        ${tools}
      </div>`
    }
    ${
      rows.length === 0
        ? html`<div class="empty">${empty}</div>`
        : html`<table
            class="table"
            role="table"
            onMouseEnter=${() => {
              held.current = true;
            }}
            onMouseLeave=${() => {
              held.current = false;
            }}
            onFocusIn=${() => {
              held.current = true;
            }}
            onFocusOut=${() => {
              held.current = false;
            }}
          >
            <caption class="visually-hidden">
              ${caption}
            </caption>
            <thead role="rowgroup">
              <tr role="row">
                ${columns.map(column => html`<${Heading} key=${column.id} column=${column} sort=${sort} onSort=${() => sortOn(column)} />`)}
              </tr>
            </thead>
            <tbody role="rowgroup">
              ${visible.map(row => {
                const key = rowKey(row);
                const open = opened.has(key);
                const detailId = `${id}-${key}`;
                return html`<${Fragment} key=${key}>
                  <tr role="row" class=${open ? 'row is-open' : 'row'} data-row=${key}>
                    ${columns.map((column, index) =>
                      index === 0
                        ? html`<th scope="row" role="rowheader" class=${cellClass(column)}>
                            <div class="row-head">
                              ${
                                expand &&
                                html`<button
                                  type="button"
                                  class="button button-quiet button-icon expander"
                                  aria-expanded=${open ? 'true' : 'false'}
                                  aria-controls=${open ? detailId : undefined}
                                  aria-label=${expandLabel?.(row)}
                                  onClick=${() => toggle(key)}
                                >
                                  <${Icon} name="chevron" />
                                </button>`
                              }
                              ${column.render(row)}
                            </div>
                          </th>`
                        : html`<td role="cell" class=${cellClass(column)}>${column.render(row)}</td>`,
                    )}
                  </tr>
                  ${
                    open &&
                    expand &&
                    html`<tr role="row" class="row-detail" id=${detailId}>
                      <td role="cell" colspan=${columns.length}>${expand(row)}</td>
                    </tr>`
                  }
                <//>`;
              })}
            </tbody>
          </table>`
    }
    ${rows.length > 0 && shown.length === 0 && html`<p class="empty">${t('table.noMatch', { query })}</p>`}
    ${
      rows.length > 0 &&
      html`<${Pager} page=${current} pageSize=${pageSize} count=${shown.length} of=${rows.length} onPage=${setPage} />`
    }
  </div>`;
}

/** @param {{ column: Column, sort: { column: string, descending: boolean }, onSort: () => void }} props */
function Heading({ column, sort, onSort }) {
  const active = sort.column === column.id;
  const label = column.hiddenLabel
    ? html`<span class="visually-hidden">${column.label}</span>`
    : column.label;
  return html`<th
    scope="col"
    role="columnheader"
    class=${cellClass(column)}
    aria-sort=${active ? (sort.descending ? 'descending' : 'ascending') : undefined}
  >
    ${
      column.sortBy
        ? html`<button type="button" class="sorter" onClick=${onSort}>
            <span>${label}</span><${Icon} name=${active && !sort.descending ? 'up' : 'down'} class=${active ? '' : 'is-idle'} />
          </button>`
        : label
    }
  </th>`;
}

/** @param {Column} column */
function cellClass(column) {
  return column.numeric ? `numeric column-${column.id}` : `column-${column.id}`;
}
