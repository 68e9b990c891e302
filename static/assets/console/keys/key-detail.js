// @ts-check
import { formatCount, formatTime, NO_FIGURE } from '../../lib/format.js';
import { html } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { CopyButton } from '../../parts/copy-button.js';
import { BackIn } from '../../pool/back-in.js';
import { Ago, Reason } from './key-cells.js';

/** @typedef {import('./requests.js').Key} Key */

/**
 * All that is known of one key.
 *
 * @param {{ row: Key, poolName: string, waking: boolean, onWake: (row: Key) => void }} props
 */
export function KeyDetail({ row, poolName, waking, onWake }) {
  return html`<div class="key-detail">
    ${row.damaged && html`<p class="bad">${t('keys.damagedText')}</p>`}
    <dl class="facts">
      <${Fact} label=${t('fact.requests')} value=${allTime(row.allTime?.requests)} />
      <${Fact} label=${t('fact.successes')} value=${allTime(row.allTime?.successes)} />
      <${Fact} label=${t('fact.failures')} value=${allTime(row.allTime?.failures)} />
      <${Fact}
        label=${t('fact.sinceStart')}
        value=${t('fact.sinceStartValue', { uses: row.requests, good: row.successes, bad: row.failures })}
      />
      <${Fact} label=${t('fact.strikes')} value=${formatCount(row.strikes)} />
      <${Fact} label=${t('fact.inFlight')} value=${formatCount(row.inFlight)} />
      <${Fact} label=${t('fact.lastUsed')} value=${row.lastUsedMs === null ? NO_FIGURE : html`<${Ago} ms=${row.lastUsedMs} />`} />
      <${Fact} label=${t('fact.tokens')} value=${formatCount(row.usedTokens)} />
      <${Fact} label=${t('fact.quota')} value=${row.quotaTokens === null ? NO_FIGURE : formatCount(row.quotaTokens)} />
      <${Fact} label=${t('column.pool')} value=${poolName} />
      <${Fact} label=${t('fact.added')} value=${formatTime(row.createdAtMs, 'dayMinute')} />
      <${Fact} label=${t('fact.since')} value=${formatTime(row.statusAtMs, 'dayMinute')} />
      ${row.baseUrl !== null && html`<${Fact} wide label=${t('field.baseUrl')} value=${html`<code>${row.baseUrl}</code>`} />`}
      <${Fact}
        wide
        label=${t('fact.id')}
        value=${html`<span class="with-copy"><code>${row.id}</code><${CopyButton} text=${row.id} label=${t('keys.copyId')} /></span>`}
      />
      ${row.notes !== '' && html`<${Fact} wide label=${t('field.notes')} value=${row.notes} />`}
      ${row.statusReason !== '' && html`<${Fact} wide label=${t('fact.reason')} value=${html`<${Reason} text=${row.statusReason} />`} />`}
      ${
        row.lastTest !== null &&
        html`<${Fact}
          wide
          label=${t('fact.test')}
          value=${html`<span lang="en">${row.lastTest.detail}</span> <span class="muted">${formatTime(row.lastTest.atMs, 'dayMinute')}</span>`}
        />`
      }
    </dl>
    ${
      row.rests.length > 0 &&
      html`<div class="rests">
        <strong>${t('rest.title')}</strong>
        <ul>
          ${row.rests.map(
            ({ model, untilMs }) => html`<li key=${model}>
              <code>${model === '*' ? t('rest.all') : model}</code> <${BackIn} untilMs=${untilMs} />
            </li>`,
          )}
        </ul>
        <${Button} icon="wake" text=${t('keys.wake')} aria-label=${t('keys.wakeOf', { key: row.hint })} busy=${waking} onClick=${() => onWake(row)} />
      </div>`
    }
  </div>`;
}

/** @param {number | undefined} count */
function allTime(count) {
  return count === undefined ? NO_FIGURE : formatCount(count);
}

/** @param {{ label: string, value: any, wide?: boolean }} props */
function Fact({ label, value, wide = false }) {
  return html`<div class=${wide ? 'wide' : ''}>
    <dt>${label}</dt>
    <dd>${value}</dd>
  </div>`;
}
