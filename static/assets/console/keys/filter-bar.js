// @ts-check
import { formatShortCount } from '../../lib/format.js';
import { html, useEffect, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Icon } from '../../parts/icon.js';
import { Segments } from '../../parts/segments.js';
import { Select } from '../../parts/select.js';
import { keyStatuses, providerName, providers } from '../../pool/types.js';

/** Nobody wants an answer to each letter. */
const TYPING_MS = 250;

/**
 * @param {{ filters: import('./filters.js').Filters, counts: import('../../pool/types.js').KeyCounts,
 *   pools: readonly import('../pools/requests.js').PoolGroup[],
 *   onChange: (change: Partial<import('./filters.js').Filters>, options?: { typing: boolean }) => void,
 *   onDeleteAll: (status: 'banned' | 'disabled') => void }} props
 */
export function FilterBar({ filters, counts, pools, onChange, onDeleteAll }) {
  const [typed, setTyped] = useState(filters.q);
  useEffect(() => setTyped(filters.q), [filters.q]);
  useEffect(() => {
    if (typed === filters.q) return undefined;
    const timer = setTimeout(() => onChange({ q: typed }, { typing: true }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);

  const removable = filters.status === 'banned' || filters.status === 'disabled' ? filters.status : undefined;
  return html`<div class="filter-bar">
    <${Segments}
      label=${t('keys.filterStatus')}
      value=${filters.status}
      options=${[
        { value: '', label: t('keys.all'), count: formatShortCount(counts.total) },
        ...keyStatuses.map(status => ({
          value: status,
          label: t(`status.${status}`),
          count: formatShortCount(counts[status]),
        })),
      ]}
      onChoose=${(/** @type {string} */ status) => onChange({ status })}
    />
    ${
      removable !== undefined &&
      counts[removable] > 0 &&
      html`<${Button} icon="trash" class="delete-all" text=${t(`keys.deleteAllOf.${removable}`)} onClick=${() => onDeleteAll(removable)} />`
    }
    <div class="filter-row">
      <div class="search">
        <${Icon} name="search" />
        <input
          type="search"
          class="input"
          aria-label=${t('keys.search')}
          placeholder=${t('keys.search')}
          value=${typed}
          maxlength="200"
          autocomplete="off"
          spellcheck=${false}
          onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)}
        />
      </div>
      <${Select}
        hiddenLabel
        label=${t('field.pool')}
        name="pool-filter"
        value=${filters.pool}
        options=${[{ value: '', label: t('keys.anyPool') }, ...pools.map(({ id, name }) => ({ value: id, label: name }))]}
        onChoose=${(/** @type {string} */ pool) => onChange({ pool })}
      />
      <${Select}
        hiddenLabel
        label=${t('field.provider')}
        name="provider-filter"
        value=${filters.provider}
        options=${[{ value: '', label: t('keys.anyProvider') }, ...providers.map(each => ({ value: each, label: providerName(each) }))]}
        onChoose=${(/** @type {string} */ provider) => onChange({ provider })}
      />
    </div>
  </div>`;
}
