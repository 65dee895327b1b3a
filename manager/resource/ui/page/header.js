/** The bar at the top: views, the state of the connection, the session. */
import { clockText } from "./format.js";
import { html, useState } from "./html.js";
import { currentTheme, nextTheme } from "./theme.js";
import { VIEWS } from "./views.js";

const STATES = {
  opening: "Connecting",
  live: "Live",
  lost: "Connection lost",
};

/**
 * @param {{ session: import("./session.js").Session, state: keyof typeof STATES,
 *   cluster: import("./cluster.js").Cluster, view: string, onSignOut: () => void }} props
 */
export function Header({ session, state, cluster, view, onSignOut }) {
  const [theme, setTheme] = useState(currentTheme);
  const waiting = cluster.totals?.waiting ?? 0;
  return html`
    <header class="bar">
      <h1 class="brand"><span class="mark" aria-hidden="true"></span>rfaas</h1>
      <nav aria-label="Views">
        ${Object.entries(VIEWS).map(([name, { title }]) =>
          html`<a href="#${name}" aria-current=${name === view ? "page" : undefined}>${title}${
            name === "queue" && waiting > 0 && html`
              <span class="count">${waiting}</span>
            `
          }</a>`
        )}
      </nav>
      <span class="state ${state}">
        <span class="dot" aria-hidden="true"></span>
        <span role="status">${STATES[state]}</span>
        ${cluster.nowMs > 0 && html`<time class="clock">${clockText(cluster.nowMs)}</time>`}
      </span>
      <span class="user"><b>${session.name}</b>${session.name === session.role
        ? ""
        : ` · ${session.role}`}</span>
      <button type="button" onClick=${() => setTheme(nextTheme())}
        aria-label="Colors: ${theme}. Change">${theme === "auto"
          ? "Auto"
          : theme === "dark"
          ? "Dark"
          : "Light"}</button>
      <button type="button" onClick=${onSignOut}>Sign out</button>
    </header>
  `;
}
