// @ts-check
import { addressOf, errorText } from '../../lib/api.js';
import { formatDuration } from '../../lib/format.js';
import { html, useState } from '../../lib/html.js';
import { isKey, t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { CopyButton } from '../../parts/copy-button.js';
import { Table } from '../../parts/table.js';
import { toast } from '../../parts/toast.js';
import { tryMapping } from './requests.js';

const PAGE_SIZE = 50;

/** @typedef {import('./requests.js').MappingRow} MappingRow */
/** @typedef {'running' | import('./requests.js').Trial} TrialState */

/**
 * @param {{ rows: readonly MappingRow[], onTask: (task: import('./view.js').Task) => void }} props
 */
export function MappingTable({ rows, onTask }) {
  const [trials, setTrials] = useState(/** @type {ReadonlyMap<string, TrialState>} */ (new Map()));

  /**
   * @param {string} prefix
   * @param {TrialState | undefined} state
   */
  function note(prefix, state) {
    setTrials(before => {
      const after = new Map(before);
      if (state === undefined) after.delete(prefix);
      else after.set(prefix, state);
      return after;
    });
  }

  /** @param {string} prefix */
  async function run(prefix) {
    if (trials.get(prefix) === 'running') return;
    note(prefix, 'running');
    try {
      note(prefix, await tryMapping(prefix));
    } catch (error) {
      note(prefix, undefined);
      toast({ text: errorText(error), kind: 'bad' });
    }
  }

  /** @type {import('../../parts/table.js').Column[]} */
  const columns = [
    {
      id: 'prefix',
      label: t('column.prefix'),
      sortBy: (/** @type {MappingRow} */ row) => row.prefix,
      render: (/** @type {MappingRow} */ { prefix }) => html`<code class="prefix">${prefix}</code>
        <${CopyButton} text=${addressOf(prefix)} label=${t('connect.copyAddress', { prefix })} />`,
    },
    {
      id: 'target',
      label: t('column.target'),
      sortBy: (/** @type {MappingRow} */ row) => row.target,
      render: (/** @type {MappingRow} */ row) => html`<code class="target">${row.target}</code>`,
    },
    {
      id: 'trial',
      label: t('column.trial'),
      render: (/** @type {MappingRow} */ { prefix }) => html`<div class="trial">
        <${Button}
          icon="try"
          text=${t('mappings.try')}
          aria-label=${t('mappings.tryOf', { prefix })}
          busy=${trials.get(prefix) === 'running'}
          onClick=${() => run(prefix)}
        />
        <${TrialResult} trial=${trials.get(prefix)} />
      </div>`,
    },
    {
      id: 'actions',
      label: t('column.actions'),
      hiddenLabel: true,
      render: (/** @type {MappingRow} */ row) => html`<div class="row-actions">
        <${Button}
          icon="edit"
          iconOnly
          kind="quiet"
          text=${t('mappings.editOf', { prefix: row.prefix })}
          onClick=${() => onTask({ kind: 'edit', row })}
        />
        <${Button}
          icon="trash"
          iconOnly
          kind="quiet"
          text=${t('mappings.deleteOf', { prefix: row.prefix })}
          onClick=${() => onTask({ kind: 'delete', row })}
        />
      </div>`,
    },
  ];

  return html`<${Table}
    class="mappings"
    caption=${t('mappings.title')}
    columns=${columns}
    rows=${rows}
    rowKey=${(/** @type {MappingRow} */ row) => row.prefix}
    sort=${{ column: 'prefix', descending: false }}
    pageSize=${PAGE_SIZE}
    search=${{ label: t('mappings.search'), text: (/** @type {MappingRow} */ row) => `${row.prefix} ${row.target}` }}
    empty=${html`<p>${t('mappings.none')}</p>
      <${Button} kind="primary" icon="plus" text=${t('mappings.add')} onClick=${() => onTask({ kind: 'add' })} />`}
  />`;
}

/**
 * What a trial found. Any status below 500 shows that the target answers; only a client with a key would get a 200.
 *
 * @param {{ trial: TrialState | undefined }} props
 */
function TrialResult({ trial }) {
  return html`<span class="trial-result" role="status">${resultOf(trial)}</span>`;
}

/** @param {TrialState | undefined} trial */
function resultOf(trial) {
  if (trial === undefined || trial === 'running') return null;
  if (trial.error !== undefined) {
    const key = `error.${trial.error.code}`;
    return html`<span class="badge badge-bad" title=${trial.error.message}>${isKey(key) ? t(key) : trial.error.code}</span>`;
  }
  const reached = trial.status < 500;
  return html`<span class=${`badge ${reached ? 'badge-good' : 'badge-warn'}`} title=${t(reached ? 'mappings.tryReached' : 'mappings.tryFailing')}>
      ${String(trial.status)}
    </span>
    <span class="muted">${formatDuration(trial.duration_ms)}</span>`;
}
