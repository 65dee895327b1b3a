/** The dashboard with 1,000 nodes and 10,000 leases, and whether assistive programs can use it. */
import { assert, assertEquals } from "@std/assert";
import { axe } from "../../../support/browser/axe.ts";
import type { Page } from "../../../support/browser/playwright.ts";
import { SimulatedCluster } from "../../../support/manager/simulated_cluster.ts";
import { browserPath, needsBrowser, TestBrowser } from "../../../support/browser/test_browser.ts";
import { limitMs } from "../../../support/time_factor.ts";

const ignore = browserPath === undefined;
/** The browser is a process of a library that begins timers of its own. */
const unchecked = { ignore, sanitizeOps: false, sanitizeResources: false };
/** Targets of a usual host with a core to itself, and the share of them that a shared one may exceed. */
const FIRST_PAINT_MS = 1000;
const UPDATE_MS = 50;
const SHARED = 3;
const LOOKS = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 } },
} as const;

Deno.test({
  name: `the dashboard shows 1,000 nodes and 10,000 leases without a stutter${needsBrowser}`,
  ...unchecked,
  fn: async () => {
    const clients = ["ada", "grace", "linus", "barbara", "edsger"];
    await using cluster = await SimulatedCluster.start({ nodes: 1000, leasesEach: 10, clients });
    await using browser = await TestBrowser.start();
    const beating = cluster.nodes.slice(0, 100);
    await cluster.beat(beating);
    const page = await browser.open(`${cluster.url}/ui`);
    await page.fill("#token", cluster.token("operator"));
    const startMs = performance.now();
    await page.keyboard.press("Enter");
    await page.waitForSelector(".row .box");
    const firstMs = performance.now() - startMs;
    const paintMs = await page.evaluate(
      'performance.getEntriesByName("first-contentful-paint")[0].startTime',
    ) as number;
    assertEquals(await page.getAttribute("[role=grid]", "aria-rowcount"), "1001");
    assert(await page.locator(".body > .row").count() < 80, "rows out of view are not in the page");

    const updates = 4;
    const taskSeconds = await mainThread(page);
    const before = await taskSeconds();
    for (let i = 0; i < updates; i++) {
      await cluster.beat(beating);
      // What waits in the page would be measured too. There is an update a second.
      await page.waitForTimeout(1000);
    }
    const updateMs = (await taskSeconds() - before) * 1000 / updates;
    console.log(
      `first paint ${paintMs.toFixed(0)} ms, first rows after ${firstMs.toFixed(0)} ms, ` +
        `${updateMs.toFixed(1)} ms of the main thread for an update`,
    );
    assert(paintMs < limitMs(FIRST_PAINT_MS) * SHARED, `first paint after ${paintMs} ms`);
    assert(firstMs < limitMs(FIRST_PAINT_MS) * SHARED, `first rows after ${firstMs} ms`);
    assert(updateMs < limitMs(UPDATE_MS) * SHARED, `an update took ${updateMs} ms`);
    await page.focus("[data-stop]");
    await page.keyboard.press("End");
    await page.waitForSelector('[data-at="999"] [data-stop]:focus');
    await page.fill("input[type=search]", "node-77");
    await page.waitForSelector('[aria-rowcount="12"]');
    assertEquals(browser.complaints, []);
  },
});

/** Returns a function that reads for how many seconds the page's main thread has worked. */
async function mainThread(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")!.value;
  };
}

Deno.test({
  name: `axe-core finds nothing in any view of the dashboard${needsBrowser}`,
  ...unchecked,
  fn: async () => {
    const clients = ["ada", "grace", "client"];
    await using cluster = await SimulatedCluster.start({ nodes: 6, leasesEach: 3, clients });
    await cluster.beat(cluster.nodes.slice(1));
    await using browser = await TestBrowser.start();
    for (const [name, options] of Object.entries(LOOKS)) {
      const page = await browser.open(`${cluster.url}/ui`, options);
      await page.waitForSelector("#token");
      await check(page, `${name}: sign-in`);
      await page.fill("#token", cluster.token("operator"));
      await page.keyboard.press("Enter");
      await page.waitForSelector(".box");
      await page.click(".row .name button");
      await page.waitForSelector(".panel");
      for (const view of await page.locator("nav a").allInnerTexts()) {
        await page.click(`nav >> text=${view}`);
        await check(page, `${name}: ${view}`);
      }
      await page.click(".panel .actions button");
      await check(page, `${name}: dialog`);
      await page.context().close();
    }
    assertEquals(browser.complaints, []);
  },
});

async function check(page: Page, what: string): Promise<void> {
  const found = await axe(page);
  assertEquals(found, [], what);
}
