// @ts-check
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Button } from './button.js';

/**
 * Says which rows are shown and turns pages. `of` is the number of rows before the search narrowed them to `count`.
 *
 * @param {{ page: number, pageSize: number, count: number, of: number, onPage: (page: number) => void }} props
 */
export function Pager({ page, pageSize, count, of, onPage }) {
  const pages = Math.max(1, Math.ceil(count / pageSize));
  const first = count === 0 ? 0 : page * pageSize + 1;
  const last = Math.min(count, (page + 1) * pageSize);
  return html`<div class="pager">
    <p role="status">
      ${pages > 1 ? t('table.range', { first, last, total: count }) : t('table.rows', { count })}
      ${count !== of && html` <span class="muted">${t('table.filtered', { total: of })}</span>`}
    </p>
    ${
      pages > 1 &&
      html`<div class="pager-buttons">
        <${Button} text=${t('table.previous')} disabled=${page === 0} onClick=${() => onPage(page - 1)} />
        <span class="muted">${t('table.page', { page: page + 1, pages })}</span>
        <${Button} text=${t('table.next')} disabled=${page >= pages - 1} onClick=${() => onPage(page + 1)} />
      </div>`
    }
  </div>`;
}
