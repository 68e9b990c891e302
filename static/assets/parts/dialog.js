// @ts-check
import { html, useId, useLayoutEffect, useRef } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Button } from './button.js';

/**
 * A modal dialog. The browser keeps the focus inside it and gives it back afterwards; Escape asks `onClose`.
 * It is open as long as it is rendered.
 *
 * @param {{ title: string, onClose?: () => void, busy?: boolean, class?: string,
 *   children?: import('../lib/html.js').Children }} props without `onClose` it can only be answered, not put away
 */
export function Dialog({ title, onClose, busy = false, class: extra = '', children }) {
  const id = useId();
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const leaving = useRef(false);
  useLayoutEffect(() => {
    const dialog = /** @type {HTMLDialogElement} */ (element.current);
    const opener = document.activeElement;
    dialog.showModal();
    return () => {
      leaving.current = true;
      dialog.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);

  /** @param {Event} event */
  function cancel(event) {
    event.preventDefault();
    if (!busy) onClose?.();
  }

  /** Browsers let a second Escape through whatever `cancel` says. */
  function closed() {
    if (leaving.current) return;
    if (onClose && !busy) onClose();
    else element.current?.showModal();
  }

  return html`<dialog
    ref=${element}
    class=${`dialog ${extra}`}
    aria-labelledby=${id}
    closedby=${onClose ? 'closerequest' : 'none'}
    onCancel=${cancel}
    onClose=${closed}
  >
    <header class="dialog-head">
      <h2 id=${id}>${title}</h2>
      ${onClose && html`<${Button} icon="close" iconOnly kind="quiet" text=${t('dialog.close')} disabled=${busy} onClick=${onClose} />`}
    </header>
    ${children}
  </dialog>`;
}

/**
 * Asks before something is done that cannot be undone.
 *
 * @param {{ title: string, text: any, action: string, busy: boolean, error?: string, onConfirm: () => void,
 *   onClose: () => void }} props
 */
export function ConfirmDialog({ title, text, action, busy, error, onConfirm, onClose }) {
  return html`<${Dialog} title=${title} busy=${busy} onClose=${onClose} class="dialog-narrow">
    <div class="dialog-body">
      <p>${text}</p>
      ${error && html`<p class="form-error" role="alert">${error}</p>`}
    </div>
    <footer class="dialog-foot">
      <${Button} text=${t('dialog.cancel')} disabled=${busy} autofocus onClick=${onClose} />
      <${Button} kind="danger" text=${action} busy=${busy} onClick=${onConfirm} />
    </footer>
  <//>`;
}
