// @ts-check
import { html, useEffect, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { createSignal, useSignal } from '../lib/signal.js';
import { Button } from './button.js';
import { Icon } from './icon.js';

const GOOD_NEWS_MS = 4000;

/** @typedef {{ text: string, kind?: 'good' | 'bad' }} Message */

/** @type {import('../lib/signal.js').Signal<readonly (Message & { id: number })[]>} */
const messages = createSignal(/** @type {readonly (Message & { id: number })[]} */ ([]));
let lastId = 0;

/**
 * Says what happened, at the foot of the page. Good news leaves by itself; bad news stays until it is put away.
 *
 * @param {Message} message
 */
export function toast(message) {
  lastId += 1;
  const others = messages.get().filter(({ text, kind }) => text !== message.text && kind === 'bad');
  messages.set([...others, { ...message, id: lastId }]);
}

/** @param {number} id */
function dismiss(id) {
  messages.set(messages.get().filter(message => message.id !== id));
}

/** The place where messages appear: one on each page, present from the start so that screen readers watch it. */
export function Toasts() {
  const shown = useSignal(messages);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.map(message => html`<${Toast} key=${message.id} ...${message} />`)}
  </div>`;
}

/** @param {Message & { id: number }} props */
function Toast({ id, text, kind = 'good' }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (kind === 'bad' || held) return undefined;
    const timer = setTimeout(() => dismiss(id), GOOD_NEWS_MS);
    return () => clearTimeout(timer);
  }, [id, kind, held]);
  return html`<div
    class=${`toast toast-${kind}`}
    onMouseEnter=${() => setHeld(true)}
    onMouseLeave=${() => setHeld(false)}
  >
    <${Icon} name=${kind === 'bad' ? 'alert' : 'check'} />
    <p>${text}</p>
    ${kind === 'bad' && html`<${Button} icon="close" iconOnly kind="quiet" text=${t('toast.dismiss')} onClick=${() => dismiss(id)} />`}
  </div>`;
}
