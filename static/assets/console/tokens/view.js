// @ts-check
import { errorText } from '../../lib/api.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { usePolled } from '../../lib/polled.js';
import { Button } from '../../parts/button.js';
import { Notice } from '../../parts/notice.js';
import { toast } from '../../parts/toast.js';
import { CleanUpDialog } from './clean-up-dialog.js';
import { HeatMap } from './heat-map.js';
import { Ranking } from './ranking.js';
import { fetchSummary, syncTokens } from './requests.js';
import { Today } from './today.js';

const REFRESH_MS = 10_000;

/** The page of what the keys used. */
export function View() {
  const [syncing, setSyncing] = useState(false);
  const [cleaning, setCleaning] = useState(false);
  const { value: summary, failure, reload } = usePolled(fetchSummary, { everyMs: REFRESH_MS });

  async function sync() {
    if (syncing) return;
    setSyncing(true);
    try {
      await syncTokens();
      await reload();
      toast({ text: t('tokens.synced') });
    } catch (error) {
      toast({ text: errorText(error), kind: 'bad' });
    } finally {
      setSyncing(false);
    }
  }

  return html`
    <header class="view-head">
      <div>
        <h1>${t('tokens.title')}</h1>
        <p class="muted">${summary === undefined ? t('tokens.lead') : t('tokens.leadZone', { zone: summary.timeZone })}</p>
      </div>
      <div class="view-actions">
        <${Button} icon="trash" text=${t('tokens.cleanUp')} onClick=${() => setCleaning(true)} />
        <${Button} icon="sync" text=${t('tokens.sync')} busy=${syncing} onClick=${sync} />
      </div>
    </header>
    <div role="status" class="notices">
      ${
        failure !== undefined &&
        html`<${Notice}
          kind="bad"
          title=${t(summary === undefined ? 'tokens.unread' : 'tokens.old')}
          actions=${html`<${Button} text=${t('console.again')} onClick=${reload} />`}
        >
          ${errorText(failure)}
        <//>`
      }
    </div>
    <div class="tokens">
      <${Today} today=${summary?.today} totals=${summary?.totals} />
      <section class="card heat-card" hidden=${summary === undefined && failure !== undefined}>
        ${summary === undefined ? html`<div class="is-coming" aria-hidden="true"></div>` : html`<${HeatMap} map=${summary.heatMap} days=${summary.days} />`}
      </section>
      <${Ranking} />
    </div>
    ${
      cleaning &&
      html`<${CleanUpDialog}
        onDone=${() => {
          setCleaning(false);
          void reload();
        }}
        onClose=${() => setCleaning(false)}
      />`
    }
  `;
}
