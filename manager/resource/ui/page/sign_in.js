import { html, useEffect, useRef, useState } from "./html.js";
import { signIn } from "./session.js";

/** The form that begins a session by a token. @param {{ problem: string, onSession: (session: import("./session.js").Session) => void }} props */
export function SignIn({ problem: first, onSession }) {
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => field.current?.focus(), []);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? "";
    if (token === "") return setProblem("Enter a token");
    setBusy(true);
    try {
      onSession(await signIn(token));
    } catch (error) {
      setProblem(problemOf(/** @type {import("./session.js").RequestError} */ (error)));
      setBusy(false);
      field.current?.select();
    }
  };
  const shown = problem || first;
  return html`
    <main class="sign-in">
      <form class="card" onSubmit=${submit} aria-labelledby="sign-in-title">
        <h1 id="sign-in-title"><span class="mark" aria-hidden="true"></span>rfaas</h1>
        <label for="token">Token</label>
        <input id="token" type="password" ref=${field} autocomplete="off" spellcheck="false"
          aria-describedby="token-help ${shown ? "token-problem" : ""}"
          aria-invalid=${shown ? "true" : "false"} />
        ${shown && html`<p id="token-problem" class="problem" role="alert">${shown}</p>`}
        <button class="primary" type="submit" disabled=${isBusy}>Sign in</button>
        <p id="token-help" class="help">The token of an operator shows the whole cluster. That of a
          client shows its own leases, and totals. Token files are in the state folder of the
          resource manager.</p>
      </form>
    </main>
  `;
}

/** @param {import("./session.js").RequestError} error */
function problemOf({ status, message }) {
  if (status === 401) return "No such token. Tokens begin with rfaas_operator_ or rfaas_client_";
  if (status === 403) return "This token is for nodes. Use that of an operator or of a client";
  return message;
}
