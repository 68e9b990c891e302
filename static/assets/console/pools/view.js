// @ts-check
import { ApiError, errorText } from '../../lib/api.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { usePolled } from '../../lib/polled.js';
import { Button } from '../../parts/button.js';
import { ConfirmDialog } from '../../parts/dialog.js';
import { Notice } from '../../parts/notice.js';
import { toast } from '../../parts/toast.js';
import { fetchSettings } from '../settings/requests.js';
import { moved } from './order.js';
import { PoolDialog } from './pool-dialog.js';
import { PoolList } from './pool-list.js';
import { deletePool, fetchPools, orderPools } from './requests.js';

const REFRESH_MS = 5000;

/** @typedef {import('./requests.js').PoolGroup} PoolGroup */
/** @typedef {{ kind: 'add' } | { kind: 'edit' | 'delete', group: PoolGroup }} Task */

/** The page of pools: groups of keys, asked one after the other. */
export function View() {
  const [task, setTask] = useState(/** @type {Task | undefined} */ (undefined));
  const [spoken, setSpoken] = useState('');
  const { value, failure, change, reload } = usePolled(
    async options => {
      const [pools, settings] = await Promise.all([fetchPools(options), fetchSettings(options)]);
      return { ...pools, tiers: settings.multiTier };
    },
    { everyMs: REFRESH_MS },
  );

  /**
   * @param {number} from
   * @param {number} to
   */
  async function move(from, to) {
    if (value === undefined) return;
    const groups = moved(value.groups, from, to);
    const name = value.groups[from]?.name ?? '';
    change(before => ({ ...before, groups }));
    setSpoken(t('pools.moved', { name, place: to + 1, count: groups.length }));
    try {
      await orderPools(groups.map(({ id }) => id));
    } catch (error) {
      toast({ text: errorText(error), kind: 'bad' });
    }
    await reload();
  }

  const close = () => setTask(undefined);
  async function done() {
    setTask(undefined);
    await reload();
  }

  return html`
    <header class="view-head">
      <div>
        <h1>${t('pools.title')}</h1>
        <p class="muted">${t('pools.lead')}</p>
      </div>
      <div class="view-actions">
        <${Button} kind="primary" icon="plus" text=${t('pools.add')} onClick=${() => setTask({ kind: 'add' })} />
      </div>
    </header>
    <div role="status" class="notices">
      ${
        failure !== undefined &&
        html`<${Notice}
          kind="bad"
          title=${t(value === undefined ? 'pools.unread' : 'pools.old')}
          actions=${html`<${Button} text=${t('console.again')} onClick=${reload} />`}
        >
          ${errorText(failure)}
        <//>`
      }
      ${value?.stale && html`<${Notice} kind="warn" title=${t('mappings.stale')}>${t('keys.staleText')}<//>`}
      ${value && html`<${Tiers} tiers=${value.tiers} />`}
    </div>
    <p class="visually-hidden" role="status">${spoken}</p>
    <section class="card" aria-label=${t('pools.title')} hidden=${value === undefined && failure !== undefined}>
      ${value === undefined ? html`<div class="table-waiting is-coming" aria-hidden="true"></div>` : html`<${PoolList} groups=${value.groups} onMove=${move} onTask=${setTask} />`}
    </section>
    ${task?.kind === 'add' && html`<${PoolDialog} onDone=${done} onClose=${close} />`}
    ${task?.kind === 'edit' && html`<${PoolDialog} group=${task.group} onDone=${done} onClose=${close} />`}
    ${task?.kind === 'delete' && html`<${DeleteDialog} group=${task.group} onDone=${done} onClose=${close} />`}
  `;
}

/**
 * Says when the order on this page means less than it seems to.
 *
 * @param {{ tiers: import('../settings/requests.js').Settings['multiTier'] }} props
 */
function Tiers({ tiers }) {
  const text = !tiers.enabled
    ? t('pools.tiersOff')
    : tiers.strictMode
      ? t('pools.strict')
      : !tiers.autoFallback
        ? t('pools.noFallback')
        : undefined;
  if (text === undefined) return null;
  return html`<${Notice} actions=${html`<a class="button button-plain" href="#/settings">${t('nav.settings')}</a>`}>${text}<//>`;
}

/** @param {{ group: PoolGroup, onDone: () => void, onClose: () => void }} props */
function DeleteDialog({ group, onDone, onClose }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  async function confirm() {
    if (busy) return;
    setBusy(true);
    try {
      const { movedKeys } = await deletePool(group.id);
      toast({ text: t('pools.deleted', { name: group.name, count: movedKeys }) });
    } catch (error) {
      // Somebody else was quicker: it is gone, as was wanted.
      if (!(error instanceof ApiError && error.status === 404)) {
        setBusy(false);
        return setProblem(errorText(error));
      }
    }
    onDone();
  }

  return html`<${ConfirmDialog}
    title=${t('pools.deleteTitle', { name: group.name })}
    text=${t('pools.deleteText', { count: group.counts.total })}
    action=${t('pools.delete')}
    busy=${busy}
    error=${problem}
    onConfirm=${confirm}
    onClose=${onClose}
  />`;
}
