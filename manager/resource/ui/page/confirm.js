/** A question before something that many would notice. */
import { html, useEffect, useRef, useState } from "./html.js";

/**
 * A dialog that stays open until it was done or given up. The browser keeps the focus in it, and closes it by Escape.
 *
 * @param {{ title: string, action: string, isDangerous?: boolean, children: unknown,
 *   onConfirm: () => Promise<void>, onClose: () => void }} props
 */
export function Confirm({ title, action, isDangerous = false, children, onConfirm, onClose }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await onConfirm();
      dialog.current?.close();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return html`
    <dialog ref=${dialog} onClose=${onClose} aria-labelledby="confirm-title">
      <form onSubmit=${submit}>
        <h2 id="confirm-title">${title}</h2>
        ${children}
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        <div class="actions">
          <button type="button" onClick=${() => dialog.current?.close()}>Cancel</button>
          <button type="submit" class=${isDangerous
            ? "danger"
            : "primary"} disabled=${isBusy}>${action}</button>
        </div>
      </form>
    </dialog>
  `;
}
