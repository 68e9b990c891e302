// @ts-check
import { base, errorText } from '../../lib/api.js';
import { html, useCallback, useEffect, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Icon } from '../../parts/icon.js';
import { Notice } from '../../parts/notice.js';
import { DeleteDialog } from './delete-dialog.js';
import { ImportDialog } from './import-dialog.js';
import { MappingDialog } from './mapping-dialog.js';
import { MappingTable } from './mapping-table.js';
import { fetchMappings } from './requests.js';

const REFRESH_MS = 10_000;

/** @typedef {import('./requests.js').MappingRow} MappingRow */
/** @typedef {{ kind: 'add' } | { kind: 'edit', row: MappingRow } | { kind: 'delete', row: MappingRow } | { kind: 'import' }} Task */

/** The page of prefix → target mappings. */
export function View() {
  const [rows, setRows] = useState(/** @type {readonly MappingRow[] | undefined} */ (undefined));
  const [skipped, setSkipped] = useState(/** @type {readonly import('./requests.js').SkippedRow[]} */ ([]));
  const [stale, setStale] = useState(false);
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));
  const [task, setTask] = useState(/** @type {Task | undefined} */ (undefined));

  const load = useCallback(async (/** @type {{ background: boolean }} */ options) => {
    try {
      const answer = await fetchMappings(options);
      setRows(before => (before !== undefined && same(before, answer.mappings) ? before : answer.mappings));
      setSkipped(answer.skipped);
      setStale(answer.stale);
      setFailure(undefined);
    } catch (error) {
      setFailure(error);
    }
  }, []);

  useEffect(() => {
    void load({ background: false });
    const refresh = () => {
      if (!document.hidden) void load({ background: true });
    };
    const timer = setInterval(refresh, REFRESH_MS);
    document.addEventListener('visibilitychange', refresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', refresh);
    };
  }, []);

  async function done() {
    setTask(undefined);
    await load({ background: false });
  }
  const close = () => setTask(undefined);

  return html`
    <header class="view-head">
      <div>
        <h1>${t('mappings.title')}</h1>
        <p class="muted">${t('mappings.lead')}</p>
      </div>
      <div class="view-actions">
        <${Button} icon="upload" text=${t('mappings.import')} onClick=${() => setTask({ kind: 'import' })} />
        <a class="button button-plain" href=${`${base}/admin/mappings/export`} download="switchyard-mappings.json">
          <${Icon} name="download" /><span>${t('mappings.export')}</span>
        </a>
        <${Button} kind="primary" icon="plus" text=${t('mappings.add')} onClick=${() => setTask({ kind: 'add' })} />
      </div>
    </header>
    <div role="status" class="notices">
      ${
        failure !== undefined &&
        html`<${Notice}
          kind="bad"
          title=${t(rows === undefined ? 'mappings.unread' : 'mappings.old')}
          actions=${html`<${Button} text=${t('console.again')} onClick=${() => load({ background: false })} />`}
        >
          ${errorText(failure)}
        <//>`
      }
      ${stale && html`<${Notice} kind="warn" title=${t('mappings.stale')}>${t('mappings.staleText')}<//>`}
      ${
        skipped.length > 0 &&
        html`<${Notice} kind="warn" title=${t('mappings.skipped', { count: skipped.length })}>
          ${t('mappings.skippedText')}
          <ul class="skipped">
            ${skipped
              .slice(0, 5)
              .map(
                ({ prefix, problem }) =>
                  html`<li key=${prefix}><code>${prefix}</code> <span lang="en">${problem}</span></li>`,
              )}
          </ul>
        <//>`
      }
    </div>
    <section class="card" aria-label=${t('mappings.title')}>
      ${rows === undefined ? html`<div class="table-waiting is-coming" aria-hidden="true"></div>` : html`<${MappingTable} rows=${rows} onTask=${setTask} />`}
    </section>
    ${task?.kind === 'add' && html`<${MappingDialog} onDone=${done} onClose=${close} />`}
    ${task?.kind === 'edit' && html`<${MappingDialog} row=${task.row} onDone=${done} onClose=${close} />`}
    ${task?.kind === 'delete' && html`<${DeleteDialog} row=${task.row} onDone=${done} onClose=${close} />`}
    ${task?.kind === 'import' && html`<${ImportDialog} rows=${rows ?? []} onDone=${done} onClose=${close} />`}
  `;
}

/**
 * @param {readonly MappingRow[]} a
 * @param {readonly MappingRow[]} b
 */
function same(a, b) {
  return (
    a.length === b.length &&
    a.every((row, index) => row.prefix === b[index]?.prefix && row.etag === b[index]?.etag)
  );
}
