/** The live screen of `rfaas top`. */

import type { ManagerAddress } from "../../runtime/http/manager_http.ts";
import { ShutdownSignal } from "../shutdown_signal.ts";
import { followCluster } from "./feed.ts";
import { COLUMN_COUNTS, type ScreenContent, screenOf } from "./screen.ts";
import { ShownCluster } from "./shown_state.ts";
import { Terminal } from "./terminal.ts";
import { afterKey, FIRST_VIEW, type Shown } from "./view.ts";

/** How often the time of an absence is drawn. */
const AWAY_EVERY_MS = 1000;

/**
 * Draws the cluster until the user or a signal ends it.
 *
 * @throws {TypeError} If there is no terminal.
 * @throws {UnauthorizedError} When the token is refused.
 */
export async function runTop(address: ManagerAddress): Promise<void> {
  using shutdown = new ShutdownSignal();
  shutdown.followTerminal();
  const quit = new AbortController();
  const signal = AbortSignal.any([shutdown.signal, quit.signal]);
  const cluster = new ShownCluster();
  let content: ScreenContent = {
    url: `${address.url}`,
    state: undefined,
    away: undefined,
    view: FIRST_VIEW,
  };
  let shown: Shown = { pageRows: 1, columns: COLUMN_COUNTS };
  let awaySinceMs: number | undefined;
  await using terminal = new Terminal();
  const draw = () => {
    if (content.away !== undefined) {
      const forMs = performance.now() - awaySinceMs!;
      content = { ...content, away: { ...content.away, forMs } };
    }
    const { lines, pageRows, view } = screenOf(content, terminal.size());
    content = { ...content, view };
    shown = { ...shown, pageRows };
    terminal.draw(lines);
  };
  terminal.open({
    key: (key) => {
      const view = afterKey(content.view, key, shown);
      if (view === undefined) return quit.abort();
      content = { ...content, view };
      draw();
    },
    redraw: draw,
    gone: () => quit.abort(),
  });
  const timer = setInterval(() => content.away && draw(), AWAY_EVERY_MS);
  try {
    for await (const event of followCluster(address, signal)) {
      if ("change" in event) {
        cluster.apply(event.change);
        awaySinceMs = undefined;
        content = { ...content, state: cluster.state(), away: undefined };
      } else {
        awaySinceMs ??= performance.now();
        content = { ...content, away: { reason: event.away.message, forMs: 0 } };
      }
      draw();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(timer);
  }
}
