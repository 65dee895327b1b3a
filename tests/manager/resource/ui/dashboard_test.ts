/** The dashboard in a browser, with a real cluster. */
import { assert, assertEquals } from "@std/assert";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { type Cluster, startCluster } from "../../../support/cluster/cluster.ts";
import { shortDurationText } from "../../../../manager/resource/ui/page/format.js";
import { axe } from "../../../support/browser/axe.ts";
import { functionsPackage } from "../../../support/functions/functions_package.ts";
import { browserPath, needsBrowser, TestBrowser } from "../../../support/browser/test_browser.ts";
import { until } from "../../../support/waiting.ts";

type Step = (cluster: Cluster, browser: TestBrowser) => Promise<void>;

/** They share a cluster and a browser, which take longer to start than most of them. */
const STEPS: Record<string, Step> = {
  "the page signs in by a token, and keeps it nowhere": async (cluster, browser) => {
    const page = await browser.open(`${cluster.managerUrl}/ui`);
    await page.fill("#token", "wrong");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#token-problem");
    assertEquals(browser.complaints.splice(0).length, 1, "the refusal of the wrong token");
    await page.fill("#token", cluster.operatorToken);
    await page.click("text=Sign in");
    await page.waitForSelector(".row >> text=node-0");
    const kept = await page.evaluate(
      "JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie, location.href])",
    );
    assert(!String(kept).includes(cluster.operatorToken));
    await page.reload();
    await page.waitForSelector(".row >> text=node-0");
    await page.click("text=Sign out");
    await page.waitForSelector("#token");
    await page.reload();
    await page.waitForSelector("#token");
    await page.context().close();
  },

  "the page signs in by a one-time link, which leaves its address": async (cluster, browser) => {
    const { code } = await (await fetch(`${cluster.managerUrl}/ui/links`, {
      method: "POST",
      headers: { authorization: `Bearer ${cluster.clientToken}` },
    })).json();
    const page = await browser.open(`${cluster.managerUrl}/ui#${code}`);
    await page.waitForSelector(".user >> text=client");
    assertEquals(page.url(), `${cluster.managerUrl}/ui/`);
    await page.click(".row >> text=node-0");
    await page.waitForSelector(".panel");
    assertEquals(await page.locator("text=Drain").count(), 0, "a client cannot drain");
    await page.context().close();
    const again = await browser.open(`${cluster.managerUrl}/ui#${code}`);
    await again.waitForSelector("#token-problem >> text=used before");
    assertEquals(browser.complaints.splice(0).length, 1, "the refusal of the used link");
    await again.context().close();
  },

  "figures follow a real load": async (cluster, browser) => {
    const page = await browser.signedIn(cluster.managerUrl, cluster.operatorToken);
    await page.waitForSelector(".summary >> text=0 running");
    const client = await cluster.connect();
    const lease = await client.lease({ functions: await functionsPackage(), workers: 2 });
    await page.waitForSelector(".box.client-0");
    await page.click(".row:has(.box) .name button");
    await page.waitForSelector(".panel >> text=0 pooled, 2 cold");
    // The load goes on until it was seen: a host that is busy gives it a small part of a core.
    const load = lease.invoke("spin", new Uint8Array(0), { deadlineMs: 300_000 }).catch(() => {});
    const inUse = async () =>
      (await page.locator(".body .number:last-child").allInnerTexts())
        .reduce((sum, text) => sum + parseFloat(text), 0);
    await until(async () => await inUse() >= 0.05, () => "the load is shown", 60_000);
    const text = await page.innerText(".summary");
    assert(text.includes("2 of 8 allocated"), text);
    await page.click(".box");
    await page.waitForSelector("text=1 part");
    await page.waitForSelector(".panel .waterfall >> text=Boot");
    const steps = await page.locator(".waterfall .number").allInnerTexts();
    assertEquals(steps.length, 5);
    const { bootMs } = lease.startup;
    assert(steps.some((text) => text === shortDurationText(bootMs)), `${steps} has ${bootMs} ms`);
    assertEquals(await axe(page), []);
    await lease.close();
    await load;
    await page.waitForSelector(".summary >> text=0 running");
    await page.waitForSelector(".panel >> text=ended");
    await page.click("nav >> text=Starts");
    await page.waitForSelector(".heat:last-child >> text=1 lease in the last hour");
    await page.waitForSelector(".heat:first-child >> text=0 leases in the last hour");
    await page.click("nav >> text=Events");
    await page.waitForSelector(".rest >> text=/^ended, of client, on node-\\d, 2 cores, /");
    await client.lease({ functions: await functionsPackage(), workers: 64 }).catch(() => {});
    await page.waitForSelector(".row >> text=Lease request");
    await page.waitForSelector(
      ".rest >> text=/^refused, of client, 64 cores, full: no node has 64 free cores and .* of free memory/",
    );
    // What happened before the page was opened is there too, and what happens now is added.
    await page.waitForSelector(".rest >> text=/^registered, .*by node node-1$/");
    using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
    await operator.createToken({ role: "client", name: "grace" });
    await page.waitForSelector(".row:first-of-type >> text=Token grace");
    await page.waitForSelector(".rest >> text=was created, role client, by operator operator");
    await operator.revokeToken("grace");
    await page.fill('[aria-label="Filter events"]', "revoked");
    await page.waitForSelector(".rest >> text=was revoked, role client, by operator operator");
    assertEquals(await page.locator(".rest >> text=registered").count(), 0);
    await page.context().close();
  },

  "a request that waits is listed with its reason": async (cluster, browser) => {
    const page = await browser.signedIn(cluster.managerUrl, cluster.operatorToken);
    const client = await cluster.connect();
    const cancel = new AbortController();
    const waiting = client.lease({
      functions: await functionsPackage(),
      workers: 64,
      waitMs: 60_000,
      signal: cancel.signal,
    }).catch(() => {});
    await page.click("nav >> text=Queue");
    await page.waitForSelector("td >> text=no node has 64 free cores");
    cancel.abort();
    await waiting;
    await page.waitForSelector("text=No request waits");
    await page.context().close();
  },

  "the keyboard alone drains a node and lends it again": async (cluster, browser) => {
    const page = await browser.signedIn(cluster.managerUrl, cluster.operatorToken);
    const isFocused = (selector: string) => page.locator(`${selector}:focus`).count();
    /** Moves the focus by a key until the element has it. */
    const moveTo = async (selector: string, key = "Tab") => {
      for (let i = 0; i < 30 && await isFocused(selector) === 0; i++) {
        await page.keyboard.press(key);
      }
      assertEquals(await isFocused(selector), 1, selector);
    };
    await page.waitForSelector(".row >> text=node-1");
    await moveTo("[data-stop]");
    await moveTo('[data-at="1"] [data-stop]', "ArrowDown");
    await page.keyboard.press("Enter");
    await moveTo(".panel .actions button");
    await page.keyboard.press("Enter");
    await moveTo("dialog input");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("5");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    assertEquals(await page.locator(".badge").count(), 0, "Escape drains nothing");
    await moveTo(".panel .actions button");
    await page.keyboard.press("Enter");
    await moveTo("dialog button.danger");
    await page.keyboard.press("Enter");
    await page.waitForSelector('[data-at="1"] .badge.draining');
    await page.waitForSelector("dialog", { state: "detached" });
    await page.waitForSelector("text=Lend again");
    await moveTo(".panel .actions button");
    await page.keyboard.press("Enter");
    await moveTo("dialog button.primary");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".badge", { state: "detached" });
    await page.keyboard.press("Escape");
    await page.waitForSelector(".panel", { state: "detached" });
    await page.context().close();
  },
};

Deno.test({
  name: `the dashboard works in a browser${needsBrowser}`,
  ignore: browserPath === undefined,
  // The browser is a process of a library that begins timers of its own.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async (t) => {
    await using cluster = await startCluster({ cores: 4, nodes: 2 });
    await using browser = await TestBrowser.start();
    for (const [name, step] of Object.entries(STEPS)) {
      await t.step(name, () => step(cluster, browser));
      assertEquals(browser.complaints.splice(0), [], name);
    }
  },
});
