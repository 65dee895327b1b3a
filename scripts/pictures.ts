/**
 * Makes the pictures of the dashboard and of `rfaas top` in docs/pictures, with simulated nodes:
 * `deno run --allow-all scripts/pictures.ts`. Needs Debian's Chromium (scripts/browser_packages.ts), and `script` of
 * util-linux.
 *
 * @module
 */
import {
  SimulatedCluster,
  type SimulatedNode,
} from "../tests/support/manager/simulated_cluster.ts";
import { simulateStarts, STARTED_MS_AGO } from "../tests/support/manager/simulated_starts.ts";
import { PseudoTerminal } from "../tests/support/processes/pseudo_terminal.ts";
import { browserPath, TestBrowser } from "../tests/support/browser/test_browser.ts";
import { hourOfStarts, makeEvents } from "./picture_history.ts";

const CLIENTS = ["ada", "barbara", "edsger", "grace", "linus"];
const CORES = [64, 64, 32, 32, 32, 16, 16, 64, 64, 48, 48, 24, 24, 8];
const WORKERS = [1, 4, 2, 8, 1, 3, 6, 12, 2];
const WIDE = { width: 1180, height: 640 };
const PHONE = { width: 390, height: 700 };
/** How long a page is open before its picture is taken: rates need some heartbeats. */
const OPEN_MS = 6000;
const TERMINAL = { columns: 108, rows: 34 };
const CLI = new URL("../cli.ts", import.meta.url).pathname;

/** Each picture: the colors, the size, and what is clicked. */
const PICTURES = {
  "dashboard-light": { colorScheme: "light", viewport: WIDE, click: [".box >> nth=7"] },
  "dashboard-dark": { colorScheme: "dark", viewport: WIDE, click: [".box >> nth=7"] },
  "dashboard-phone": { colorScheme: "light", viewport: PHONE, click: [] },
  "dashboard-leases": { colorScheme: "light", viewport: WIDE, click: ["nav >> text=Leases"] },
  "dashboard-starts": { colorScheme: "light", viewport: WIDE, click: ["nav >> text=Starts"] },
  "dashboard-starts-phone": { colorScheme: "dark", viewport: PHONE, click: ["nav >> text=Starts"] },
  "dashboard-events": { colorScheme: "light", viewport: WIDE, click: ["nav >> text=Events"] },
  "dashboard-queue": { colorScheme: "dark", viewport: WIDE, click: ["nav >> text=Queue"] },
} as const;

if (import.meta.main) {
  if (browserPath === undefined) throw new Error("Cannot make pictures: no Chromium is installed");
  const folder = Deno.args[0] ?? new URL("../docs/pictures", import.meta.url).pathname;
  await Deno.mkdir(folder, { recursive: true });
  await makePictures(folder);
}

async function makePictures(folder: string): Promise<void> {
  await using cluster = await SimulatedCluster.start({
    nodes: CORES.length,
    leasesEach: 7,
    clients: CLIENTS,
    cores: (at) => CORES[at]!,
    workers: (at) => WORKERS[at % WORKERS.length]!,
    startedMsAgo: STARTED_MS_AGO,
    nameOf: (at) => `rack${1 + Math.floor(at / 7)}-n${1 + at % 7}`,
  });
  const { nodes, url } = cluster;
  await simulateStarts(cluster, hourOfStarts());
  await makeEvents(cluster, CLIENTS);
  const operator = { authorization: `Bearer ${cluster.token("operator")}` };
  const send = (path: string, body: unknown, headers: HeadersInit = operator) =>
    fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) })
      .then((response) => response.text());
  await send(`/v1/nodes/${nodes[3]!.id}/drain`, { graceMs: 60_000 });
  const cancel = new AbortController();
  for (const workers of [900, 700]) {
    fetch(`${url}/v1/leases`, {
      method: "POST",
      headers: { authorization: `Bearer ${cluster.token("client")}` },
      body: JSON.stringify({ workers, memoryBytes: 2 ** 34, termMs: 60_000, waitMs: 600_000 }),
      signal: cancel.signal,
    }).then((response) => response.text()).catch(() => {}); // it waits until the end
  }
  await using browser = await TestBrowser.start();
  const alive = nodes.filter((_, at) => at !== 10);
  await using _beats = sendBeats(cluster, alive);
  for (const [name, { click, ...options }] of Object.entries(PICTURES)) {
    const page = await browser.signedIn(url, cluster.token("operator"), options);
    await page.waitForTimeout(OPEN_MS);
    for (const selector of click) await page.click(selector);
    await page.mouse.move(0, 0);
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${name}.png` });
    await page.context().close();
  }
  await terminalPicture(`${folder}/top.png`, cluster, browser);
  cancel.abort();
}

/** Sends a heartbeat of some nodes once a second, until it is disposed of. */
function sendBeats(cluster: SimulatedCluster, nodes: readonly SimulatedNode[]): AsyncDisposable {
  let beating = cluster.beat(nodes);
  const timer = setInterval(() => beating = beating.then(() => cluster.beat(nodes)), 1000);
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await beating;
    },
  };
}

/** What `rfaas top` shows of the same cluster in a real terminal. */
async function terminalPicture(
  path: string,
  cluster: SimulatedCluster,
  browser: TestBrowser,
): Promise<void> {
  await using terminal = await PseudoTerminal.start(
    [Deno.execPath(), "run", "--allow-all", "--quiet", CLI, "top"],
    {
      ...TERMINAL,
      env: {
        RFAAS_MANAGER: cluster.url,
        RFAAS_TOKEN: cluster.token("operator"),
        TERM: "xterm-256color",
        LC_ALL: "C.UTF-8",
        NO_COLOR: "",
      },
    },
  );
  await new Promise((resolve) => setTimeout(resolve, OPEN_MS));
  await terminal.screenShows(/WAITING/);
  const page = await browser.open("about:blank");
  await page.setContent(terminal.html);
  await page.locator("pre").screenshot({ path });
  await page.context().close();
  await terminal.type("q");
}
