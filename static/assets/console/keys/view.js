// @ts-check
import { errorText, serverNowMs } from '../../lib/api.js';
import { html, useCallback, useEffect, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { usePolled } from '../../lib/polled.js';
import { Button } from '../../parts/button.js';
import { Notice } from '../../parts/notice.js';
import { Pager } from '../../parts/pager.js';
import { fetchPools } from '../pools/requests.js';
import { BatchDialog } from './batch-dialog.js';
import { DeleteAllDialog, DeleteKeyDialog } from './delete-dialogs.js';
import { ExportDialog } from './export-dialog.js';
import { FilterBar } from './filter-bar.js';
import { keysAddress, readFilters, writeFilters } from './filters.js';
import { KeyDialog } from './key-dialog.js';
import { KeyTable } from './key-table.js';
import { fetchKeys, fetchTestRun, PAGE_SIZE } from './requests.js';
import { TestAllDialog, TestRunBar } from './test-run.js';

const REFRESH_MS = 5000;
const WATCH_TEST_MS = 1000;

/** @typedef {import('./requests.js').Key} Key */
/** @typedef {import('./filters.js').Filters} Filters */
/** @typedef {{ kind: 'add' | 'batch' | 'export' | 'test' } | { kind: 'edit' | 'delete', row: Key } | { kind: 'deleteAll', status: 'banned' | 'disabled' }} Task */

/** The page of upstream keys. */
export function View() {
  const [filters, setFilters] = useState(() => readFilters(location.hash));
  const [task, setTask] = useState(/** @type {Task | undefined} */ (undefined));
  /** A run of tests that ended before this is no news. */
  const [seenMs, setSeenMs] = useState(serverNowMs);
  const [testing, setTesting] = useState(false);

  const { value, failure, waiting, change, reload } = usePolled(
    async options => {
      const [page, { groups }, run] = await Promise.all([
        fetchKeys(filters, options),
        fetchPools(options),
        fetchTestRun(options),
      ]);
      setTesting(run.state === 'running');
      return { page, groups, run };
    },
    { everyMs: testing ? WATCH_TEST_MS : REFRESH_MS, key: writeFilters(filters) },
  );
  const page = value?.page;
  const groups = value?.groups ?? [];
  const run = value?.run;

  useEffect(() => {
    const follow = () => setFilters(readFilters(location.hash));
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);

  const filter = useCallback(
    (/** @type {Partial<Filters>} */ part, { typing = false } = {}) => {
      const next = { ...filters, page: 1, ...part };
      // What is being typed is no place to go back to.
      if (typing) history.replaceState(null, '', keysAddress(next));
      else history.pushState(null, '', keysAddress(next));
      setFilters(next);
    },
    [filters],
  );

  useEffect(() => {
    // The last keys of the last page went.
    if (page !== undefined && !waiting && page.page > page.pages)
      filter({ page: page.pages }, { typing: true });
  }, [page, waiting]);

  /** @param {Key} row */
  function putRow(row) {
    change(before => ({
      ...before,
      page: { ...before.page, keys: before.page.keys.map(each => (each.id === row.id ? row : each)) },
    }));
    void reload();
  }

  /** @param {import('./requests.js').TestProgress} next */
  function putRun(next) {
    change(before => ({ ...before, run: next }));
    setTesting(next.state === 'running');
    void reload();
  }

  const close = () => setTask(undefined);
  async function done() {
    setTask(undefined);
    await reload();
  }
  /** @param {string} id */
  const poolName = id => groups.find(group => group.id === id)?.name ?? id;
  const narrowed = ['status', 'pool', 'provider'].filter(
    name => filters[/** @type {'pool'} */ (name)] !== '',
  );
  const tested = Object.fromEntries(narrowed.map(name => [name, filters[/** @type {'pool'} */ (name)]]));
  const shown = page !== undefined && page.total > 0;

  return html`
    <header class="view-head">
      <div>
        <h1>${t('keys.title')}</h1>
        <p class="muted">${t('keys.lead')}</p>
      </div>
      <div class="view-actions">
        <${Button} icon="download" text=${t('keys.export')} disabled=${!page?.counts.total} onClick=${() => setTask({ kind: 'export' })} />
        <${Button} icon="try" text=${t(narrowed.length > 0 ? 'keys.testThese' : 'keys.testAll')} disabled=${!shown || filters.q !== ''} onClick=${() => setTask({ kind: 'test' })} />
        <${Button} icon="list" text=${t('keys.addMany')} disabled=${page === undefined} onClick=${() => setTask({ kind: 'batch' })} />
        <${Button} kind="primary" icon="plus" text=${t('keys.add')} disabled=${page === undefined} onClick=${() => setTask({ kind: 'add' })} />
      </div>
    </header>
    <div role="status" class="notices">
      ${
        failure !== undefined &&
        html`<${Notice}
          kind="bad"
          title=${t(page === undefined ? 'keys.unread' : 'keys.old')}
          actions=${html`<${Button} text=${t('console.again')} onClick=${reload} />`}
        >
          ${errorText(failure)}
        <//>`
      }
      ${page?.stale && html`<${Notice} kind="warn" title=${t('mappings.stale')}>${t('keys.staleText')}<//>`}
    </div>
    ${
      run !== undefined &&
      (run.state === 'running' || run.startedAtMs > seenMs) &&
      html`<${TestRunBar} run=${run} onRun=${putRun} onDismiss=${() => setSeenMs(run.startedAtMs)} />`
    }
    <section class="card keys" aria-label=${t('keys.title')} hidden=${page === undefined && failure !== undefined}>
      ${
        page === undefined
          ? html`<div class="table-waiting is-coming" aria-hidden="true"></div>`
          : html`<${FilterBar}
              filters=${filters}
              counts=${page.counts}
              pools=${groups}
              onChange=${filter}
              onDeleteAll=${(/** @type {'banned' | 'disabled'} */ status) => setTask({ kind: 'deleteAll', status })}
            />`
      }
      ${
        shown &&
        html`<${KeyTable}
          rows=${page.keys}
          waiting=${waiting}
          poolName=${poolName}
          onTask=${setTask}
          onRow=${putRow}
          onStale=${reload}
        />
        <${Pager} page=${page.page - 1} pageSize=${PAGE_SIZE} count=${page.total} of=${page.counts.total} onPage=${(/** @type {number} */ next) => filter({ page: next + 1 })} />`
      }
      ${page !== undefined && !shown && html`<${Nothing} total=${page.counts.total} onTask=${setTask} onReset=${() => filter({ status: '', pool: '', provider: '', q: '' })} />`}
    </section>
    ${task?.kind === 'add' && html`<${KeyDialog} pool=${filters.pool || undefined} pools=${groups} onDone=${done} onClose=${close} />`}
    ${
      task?.kind === 'edit' &&
      html`<${KeyDialog}
        row=${task.row}
        pools=${groups}
        onDone=${(/** @type {Key} */ row) => {
          close();
          putRow(row);
        }}
        onClose=${close}
      />`
    }
    ${task?.kind === 'batch' && html`<${BatchDialog} pool=${filters.pool || undefined} pools=${groups} onDone=${done} onClose=${close} />`}
    ${task?.kind === 'delete' && html`<${DeleteKeyDialog} row=${task.row} onDone=${done} onClose=${close} />`}
    ${task?.kind === 'deleteAll' && html`<${DeleteAllDialog} status=${task.status} count=${page?.counts[task.status] ?? 0} onDone=${done} onClose=${close} />`}
    ${task?.kind === 'export' && page && html`<${ExportDialog} counts=${page.counts} onClose=${close} />`}
    ${
      task?.kind === 'test' &&
      html`<${TestAllDialog}
        count=${page?.total ?? 0}
        filter=${tested}
        onStarted=${(/** @type {import('./requests.js').TestProgress} */ next) => {
          close();
          putRun(next);
        }}
        onClose=${close}
      />`
    }
  `;
}

/** @param {{ total: number, onTask: (task: Task) => void, onReset: () => void }} props */
function Nothing({ total, onTask, onReset }) {
  if (total > 0) {
    return html`<div class="empty">
      <p>${t('keys.noMatch')}</p>
      <${Button} text=${t('keys.reset')} onClick=${onReset} />
    </div>`;
  }
  return html`<div class="empty">
    <p>${t('keys.none')}</p>
    <div class="empty-actions">
      <${Button} icon="list" text=${t('keys.addMany')} onClick=${() => onTask({ kind: 'batch' })} />
      <${Button} kind="primary" icon="plus" text=${t('keys.add')} onClick=${() => onTask({ kind: 'add' })} />
    </div>
  </div>`;
}
