// @ts-check
import { addressOf, base } from '../lib/api.js';
import { html, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { remember, remembered } from '../lib/preferences.js';
import { snippetsFor } from '../lib/snippets.js';
import { Combobox } from '../parts/combobox.js';
import { CopyButton } from '../parts/copy-button.js';
import { Tabs } from '../parts/tabs.js';

/**
 * How to point a client at the gateway.
 *
 * @param {{ known: boolean, prefixes: readonly string[], prefix: string | undefined, onChoose: (prefix: string) => void }} props
 *   `known`: the list of prefixes has arrived
 */
export function Connect({ known, prefixes, prefix, onChoose }) {
  const [tab, setTab] = useState(remembered('snippet') ?? 'env');
  const address = addressOf(prefix ?? '');
  const snippets = snippetsFor(prefix ?? '', address);
  const snippet = snippets.find(({ id }) => id === tab) ?? snippets[0];

  /** @param {string} id */
  function chooseTab(id) {
    remember('snippet', id);
    setTab(id);
  }

  return html`<section class="card connect" id="connect" aria-labelledby="connect-title">
    <header class="card-head">
      <h2 id="connect-title">${t('connect.title')}</h2>
    </header>
    ${
      prefix === undefined || snippet === undefined
        ? html`<div class="empty">
            ${known && html`<p>${t('connect.none')}</p><a class="button button-primary" href=${`${base}/admin`}>${t('connect.add')}</a>`}
          </div>`
        : html`
            <p class="connect-lead">${t('connect.lead')}</p>
            <${Combobox} label=${t('connect.prefix')} options=${prefixes} value=${prefix} onChoose=${onChoose} />
            <div class="address">
              <code class="address-text" data-address>${address}</code>
              <${CopyButton} text=${address} label=${t('connect.copyAddress', { prefix })} iconOnly=${false} kind="primary" />
            </div>
            <${Tabs}
              label=${t('connect.snippets')}
              tabs=${snippets.map(({ id }) => ({ id, label: t(`snippet.${id}`) }))}
              chosen=${snippet.id}
              onChoose=${chooseTab}
              tools=${html`<${CopyButton} text=${snippet.text} label=${t('connect.copySnippet', { name: t(`snippet.${snippet.id}`) })} />`}
            >
              <div class="snippet">
                <pre><code>${marked(snippet.text, address)}</code></pre>
              </div>
            <//>
            <p class="connect-note">${t('connect.note')}</p>
          `
    }
  </section>`;
}

/**
 * The snippet line by line, with the address set apart: it is what a reader changes in code that they have already.
 *
 * @param {string} text
 * @param {string} address
 */
function marked(text, address) {
  return text.split('\n').map(line => {
    const kind = line.startsWith('# ') ? 'snippet-comment' : line.includes(address) ? 'snippet-long' : '';
    const pieces = line
      .split(address)
      .flatMap((piece, index) => [index > 0 && html`<b class="snippet-address">${address}</b>`, piece]);
    return html`<span class=${`snippet-line ${kind}`}>${pieces}</span>`;
  });
}
