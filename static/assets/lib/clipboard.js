// @ts-check

/**
 * Puts text on the clipboard. The clipboard interface exists only over https and on localhost; a gateway on a plain
 * http address falls back on a selection.
 *
 * @param {string} text
 * @param {Element} near an element in the same dialog as the button, where one is open: the rest of the page is inert
 * @returns {Promise<boolean>} false when the browser allows neither
 */
export async function copyText(text, near) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text, near.closest('dialog') ?? document.body);
  }
}

/**
 * @param {string} text
 * @param {Element} holder
 */
function copySelection(text, holder) {
  const focused = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.readOnly = true;
  field.className = 'visually-hidden';
  holder.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}
