// @ts-check
import { ApiError, errorText } from '../../lib/api.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { PageTable } from '../../parts/page-table.js';
import { Switch } from '../../parts/switch.js';
import { toast } from '../../parts/toast.js';
import { KeyCell, ProviderCell, RequestsCell, StatusCell, TestCell, TokensCell } from './key-cells.js';
import { KeyDetail } from './key-detail.js';
import { testKey, toggleKey, wakeKey } from './requests.js';

/** @typedef {import('./requests.js').Key} Key */

/**
 * One page of keys, and what can be done to each.
 *
 * @param {{ rows: readonly Key[], waiting: boolean, poolName: (id: string) => string,
 *   onTask: (task: import('./view.js').Task) => void, onRow: (row: Key) => void, onStale: () => void }} props
 *   `onRow`: a key as it is after a change; `onStale`: the page is no longer true
 */
export function KeyTable({ rows, waiting, poolName, onTask, onRow, onStale }) {
  const [busy, setBusy] = useState(/** @type {ReadonlyMap<string, string>} */ (new Map()));

  /**
   * @param {Key} row
   * @param {'test' | 'toggle' | 'wake'} what
   * @param {() => Promise<Key>} act
   */
  async function run(row, what, act) {
    if (busy.has(row.id)) return;
    setBusy(before => new Map(before).set(row.id, what));
    try {
      onRow(await act());
    } catch (error) {
      if (error instanceof ApiError && [404, 412].includes(error.status)) onStale();
      toast({ text: `${row.hint}: ${errorText(error)}`, kind: 'bad' });
    } finally {
      setBusy(before => {
        const after = new Map(before);
        after.delete(row.id);
        return after;
      });
    }
  }

  /** @param {Key} row */
  async function test(row) {
    const { test: result, key } = await testKey(row.id);
    toast(
      result.ok
        ? { text: t('test.passed', { key: row.hint }) }
        : { text: t('test.failed', { key: row.hint, detail: result.detail }), kind: 'bad' },
    );
    return key;
  }

  /** @type {import('../../parts/table.js').Column[]} */
  const columns = [
    { id: 'key', label: t('column.key'), render: row => html`<${KeyCell} row=${row} />` },
    { id: 'status', label: t('column.status'), render: row => html`<${StatusCell} row=${row} />` },
    { id: 'provider', label: t('column.provider'), render: row => html`<${ProviderCell} row=${row} />` },
    {
      id: 'pool',
      label: t('column.pool'),
      render: row =>
        html`<span class="one-line" title=${poolName(row.poolGroup)}>${poolName(row.poolGroup)}</span>`,
    },
    {
      id: 'work',
      label: t('column.requests'),
      numeric: true,
      render: row => html`<${RequestsCell} row=${row} />`,
    },
    {
      id: 'tokens',
      label: t('column.tokens'),
      numeric: true,
      from: 'desktop',
      render: row => html`<${TokensCell} row=${row} />`,
    },
    {
      id: 'test',
      label: t('column.test'),
      from: 'desktop',
      render: row => html`<${TestCell} test=${row.lastTest} />`,
    },
    {
      id: 'use',
      label: t('column.use'),
      render: row => {
        const on = row.status === 'active' || row.status === 'resting';
        return html`<${Switch}
          label=${t('keys.useOf', { key: row.hint })}
          on=${on}
          busy=${busy.get(row.id) === 'toggle'}
          onChange=${(/** @type {boolean} */ next) => run(row, 'toggle', () => toggleKey(row.id, next ? 'active' : 'disabled'))}
        />`;
      },
    },
    {
      id: 'actions',
      label: t('column.actions'),
      hiddenLabel: true,
      render: row => html`<div class="row-actions">
        <${Button}
          icon="try"
          iconOnly
          kind="quiet"
          text=${t('keys.testOf', { key: row.hint })}
          busy=${busy.get(row.id) === 'test'}
          onClick=${() => run(row, 'test', () => test(row))}
        />
        <${Button} icon="edit" iconOnly kind="quiet" text=${t('keys.editOf', { key: row.hint })} onClick=${() => onTask({ kind: 'edit', row })} />
        <${Button} icon="trash" iconOnly kind="quiet" text=${t('keys.deleteOf', { key: row.hint })} onClick=${() => onTask({ kind: 'delete', row })} />
      </div>`,
    },
  ];

  return html`<${PageTable}
    caption=${t('keys.title')}
    columns=${columns}
    rows=${rows}
    rowKey=${(/** @type {Key} */ row) => row.id}
    waiting=${waiting}
    expand=${(/** @type {Key} */ row) =>
      html`<${KeyDetail}
        row=${row}
        poolName=${poolName(row.poolGroup)}
        waking=${busy.get(row.id) === 'wake'}
        onWake=${() => run(row, 'wake', () => wakeKey(row.id))}
      />`}
    expandLabel=${(/** @type {Key} */ row) => t('keys.expand', { key: row.hint })}
  />`;
}
