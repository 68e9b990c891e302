// @ts-check
import { serverNowMs } from '../lib/api.js';
import { formatSpan } from '../lib/format.js';
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { useNow } from '../lib/now.js';

/**
 * Counts down to the end of a cool-down.
 *
 * @param {{ untilMs: number, model?: string | undefined }} props `model`: where it is not all of them
 */
export function BackIn({ untilMs, model }) {
  useNow(true);
  const span = formatSpan(Math.max(0, Math.ceil((untilMs - serverNowMs()) / 1000)));
  const text = model === undefined ? t('rest.back', { span }) : t('rest.model', { model, span });
  return html`<span class="muted" title=${text}>${text}</span>`;
}

/**
 * The cool-down that matters most to a reader: the one for all models, else the one that ends last.
 *
 * @param {readonly import('./types.js').Rest[]} rests
 * @returns {import('./types.js').Rest | undefined}
 */
export function weightiest(rests) {
  return rests.find(({ model }) => model === '*') ?? [...rests].sort((a, b) => b.untilMs - a.untilMs)[0];
}
