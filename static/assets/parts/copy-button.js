// @ts-check
import { copyText } from '../lib/clipboard.js';
import { html, useEffect, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Button } from './button.js';
import { toast } from './toast.js';

const SHOWN_MS = 1600;

/**
 * Copies a text and says so: in the button for those who look, in a live region for those who listen.
 *
 * @param {{ text: string, label: string, iconOnly?: boolean, kind?: 'plain' | 'primary' | 'quiet' }} props
 */
export function CopyButton({ text, label, iconOnly = true, kind = 'quiet' }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);

  /** @param {MouseEvent} event */
  async function copy(event) {
    event.stopPropagation();
    const button = /** @type {Element} */ (event.currentTarget);
    if (await copyText(text, button)) {
      setCopied(true);
      toast({ text: t('copy.done', { text: text.includes('\n') ? label : text }) });
    } else {
      toast({ text: t('copy.refused'), kind: 'bad' });
    }
  }

  return html`<${Button}
    class=${copied ? 'is-copied' : ''}
    icon=${copied ? 'check' : 'copy'}
    iconOnly=${iconOnly}
    kind=${kind}
    text=${iconOnly ? label : copied ? t('copy.copied') : t('copy.copy')}
    ...${iconOnly ? {} : { 'aria-label': label }}
    onClick=${copy}
  />`;
}
