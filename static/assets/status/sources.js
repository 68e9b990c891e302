// @ts-check
import { formatCount } from '../lib/format.js';
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { CountsBar } from '../pool/counts-bar.js';

/** @type {Record<import('../pool/types.js').Source['state'], string>} */
const moods = { ok: 'badge-good', empty: '', off: 'badge-off', failing: 'badge-bad' };

/** Where keys come from, the first to be asked first. @param {{ sources: readonly import('../pool/types.js').Source[] }} props */
export function Sources({ sources }) {
  return html`<section class="card" aria-labelledby="sources-title">
    <header class="card-head">
      <h2 id="sources-title">${t('sources.title')}</h2>
      <p class="muted">${t('sources.lead')}</p>
    </header>
    <ol class="lines">
      ${sources.map(
        ({
          name,
          state,
          detail,
          counts,
        }) => html`<li key=${name} class=${`line ${state === 'off' ? 'is-off' : ''}`} data-source=${name}>
          <div class="line-text">
            <strong>${t(`keysource.${name}`)}</strong>
            <p class="muted">${t(`keysourcetext.${name}`)}${detail !== '' && html` · <span lang="en" class=${state === 'failing' ? 'bad' : ''}>${detail}</span>`}</p>
          </div>
          <span class=${`badge ${moods[state]}`}>${t(`sourcestate.${state}`)}</span>
          <span class="line-count">${name === 'client' || state === 'off' ? '' : t('pools.keys', { count: counts.total })}</span>
        </li>`,
      )}
    </ol>
  </section>`;
}

/** Pools in the order in which they are asked. @param {{ pools: import('./requests.js').PoolStatus['pools'] }} props */
export function Tiers({ pools }) {
  return html`<section class="card" aria-labelledby="tiers-title">
    <header class="card-head">
      <h2 id="tiers-title">${t('pools.title')}</h2>
      <p class="muted">${t('tiers.lead')}</p>
    </header>
    <ol class="lines">
      ${pools.map(
        ({ id, name, counts }, index) => html`<li key=${id} class="line line-tall">
          <span class="pool-place" aria-hidden="true">${index + 1}</span>
          <div class="line-text">
            <strong>${name}</strong>
            <${CountsBar} counts=${counts} />
          </div>
          <span class="line-count">${formatCount(counts.total)}</span>
        </li>`,
      )}
    </ol>
  </section>`;
}
