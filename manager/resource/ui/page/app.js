/** The dashboard: signs in, follows the stream, and shows the view that the address names. */
import { Cluster } from "./cluster.js";
import { Header } from "./header.js";
import { html, render, useEffect, useRef, useState } from "./html.js";
import { Panel } from "./panel.js";
import { forgetSession, keptSession, signInByLink, signOut } from "./session.js";
import { SignIn } from "./sign_in.js";
import { follow } from "./stream.js";
import { Summary } from "./summary.js";
import { applyTheme } from "./theme.js";
import { viewNamed, VIEWS } from "./views.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {{ kind: "node", node: string } | { kind: "lease", lease: string }} Selected */

function App() {
  const [session, setSession] = useState(keptSession);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const useLink = () => {
      signInByLink().then(
        (opened) => opened && (setProblem(""), setSession(opened)),
        ({ message }) => setProblem(message),
      );
    };
    useLink();
    addEventListener("hashchange", useLink);
    return () => removeEventListener("hashchange", useLink);
  }, []);
  if (session === undefined) {
    return html`<${SignIn} problem=${problem} onSession=${setSession} />`;
  }
  const leave = (/** @type {string} */ why) => {
    forgetSession();
    setProblem(why);
    setSession(undefined);
  };
  return html`<${Dashboard} key=${session.session} session=${session} onLeave=${leave} />`;
}

/** @param {{ session: Session, onLeave: (why: string) => void }} props */
function Dashboard({ session, onLeave }) {
  const cluster = useRef(/** @type {Cluster | undefined} */ (undefined));
  cluster.current ??= new Cluster();
  const [, setUpdates] = useState(0);
  const [state, setState] = useState(/** @type {"opening" | "live" | "lost"} */ ("opening"));
  const [view, setView] = useState(() => viewNamed(location.hash));
  const [selected, setSelected] = useState(/** @type {Selected | undefined} */ (undefined));
  useEffect(() => {
    /** A tab that is not seen has no stream: each is a connection, and costs the resource manager. */
    let close = () => {};
    const open = () => {
      close();
      close = document.hidden ? () => {} : follow(session.session, {
        change: (change) => {
          cluster.current?.apply(change);
          setUpdates((updates) => updates + 1);
        },
        state: setState,
        over: () => onLeave("The session is over. Sign in again."),
      });
    };
    open();
    document.addEventListener("visibilitychange", open);
    return () => {
      document.removeEventListener("visibilitychange", open);
      close();
    };
  }, []);
  useEffect(() => {
    const show = () => setView(viewNamed(location.hash));
    addEventListener("hashchange", show);
    return () => removeEventListener("hashchange", show);
  }, []);
  const shown = cluster.current;
  const { View } = VIEWS[view];
  const common = { cluster: shown, session, onSelect: setSelected, selected };
  return html`
    <div class="dashboard ${state === "lost" ? "stale" : ""}">
      <${Header} session=${session} state=${state} cluster=${shown} view=${view}
        onSignOut=${() => (signOut(session), onLeave(""))} />
      ${shown.totals === undefined
        ? html`<p class="empty" role="status">${
          state === "lost" ? "The resource manager does not respond. Trying again." : "Loading"
        }</p>`
        : html`
          <${Summary} cluster=${shown} />
          <main class="main">
            <${View} ...${common} />
            ${selected && html`<${Panel} ...${common} onClose=${() => setSelected(undefined)} />`}
          </main>
        `}
    </div>
  `;
}

applyTheme();
render(html`<${App} />`, document.getElementById("app"));
