/** The heat maps of starts, in a browser. */
import { assert, assertEquals } from "@std/assert";
import { axe } from "../../../support/browser/axe.ts";
import type { Page } from "../../../support/browser/playwright.ts";
import { SimulatedCluster } from "../../../support/manager/simulated_cluster.ts";
import { simulateStarts, STARTED_MS_AGO } from "../../../support/manager/simulated_starts.ts";
import { browserPath, needsBrowser, TestBrowser } from "../../../support/browser/test_browser.ts";

/** The browser is a process of a library that begins timers of its own. */
const unchecked = {
  ignore: browserPath === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
};
const PHONE = { width: 390, height: 844 };

async function opened(
  cluster: SimulatedCluster,
  browser: TestBrowser,
  role: "operator" | "client",
  options: Parameters<TestBrowser["signedIn"]>[2] = {},
): Promise<Page> {
  const page = await browser.signedIn(cluster.url, cluster.token(role), options);
  await page.click("nav >> text=Starts");
  await page.waitForSelector('section[aria-label="Starts"]');
  return page;
}

/** The rows with starts, each with its total. */
async function rowsOf(page: Page, map: "Pooled starts" | "Cold starts"): Promise<string[]> {
  const texts = await page.locator(`table[aria-label="${map}"] tbody tr`).allInnerTexts();
  return texts.map((text) => text.replace(/\s+/g, " ").trim()).filter((text) => !/ 0$/.test(text));
}

Deno.test({
  name: `heat maps show each start of the last hour to operators and clients${needsBrowser}`,
  ...unchecked,
  fn: async () => {
    const startedMsAgo = STARTED_MS_AGO;
    await using cluster = await SimulatedCluster.start({
      nodes: 1,
      leasesEach: 1,
      clients: ["ada"],
      startedMsAgo,
    });
    await using browser = await TestBrowser.start();
    const page = await opened(cluster, browser, "operator");
    await page.waitForSelector(".empty >> text=No lease has started in the last hour");
    await page.waitForSelector(".empty >> text=by the minute, by the time that it took");
    assertEquals(await page.locator(".heat").count(), 0);

    await simulateStarts(cluster, [
      { minutesAgo: 40, kind: "pooled", durationMs: 4, leases: 3 },
      { minutesAgo: 20, kind: "pooled", durationMs: 5, leases: 600 },
      { minutesAgo: 20, kind: "pooled", durationMs: 6 },
      { minutesAgo: 10, kind: "cold", durationMs: 80_000_000, leases: 2 },
    ]);
    // What has changed reaches an open page.
    await page.waitForSelector("text=604 leases in the last hour");
    const pooled = ["5–10 ms 1", "2–5 ms 603"];
    const cold = ["over 50 s 2"];
    assertEquals(await rowsOf(page, "Pooled starts"), pooled);
    assertEquals(await rowsOf(page, "Cold starts"), cold);
    assertEquals(await page.locator(".heat:first-child .strip .heat-2").count(), 1);
    assertEquals(await page.locator(".heat:first-child .strip .heat-6").count(), 1);

    await checkKeyboard(page);

    const client = await opened(cluster, browser, "client", { colorScheme: "dark" });
    await client.waitForSelector("text=604 leases in the last hour");
    assertEquals(await rowsOf(client, "Pooled starts"), pooled);
    assertEquals(await rowsOf(client, "Cold starts"), cold);
    assertEquals(await axe(client), [], "dark");

    const phone = await opened(cluster, browser, "client", { viewport: PHONE });
    await phone.waitForSelector("text=604 leases in the last hour");
    assertEquals(await phone.locator(".strip").first().getAttribute("viewBox"), "0 0 20 1");
    assertEquals(await rowsOf(phone, "Pooled starts"), pooled);
    const width = await phone.evaluate("document.documentElement.scrollWidth");
    assert(Number(width) <= PHONE.width, `the page is ${width} px wide`);
    assertEquals(await axe(phone), [], "phone");
    assertEquals(browser.complaints, []);
  },
});

/** The keyboard reads each cell with a start. */
async function checkKeyboard(page: Page): Promise<void> {
  assertEquals(await page.locator(".strip").first().getAttribute("viewBox"), "0 0 60 1");
  const focused = () => page.locator(".strip:focus").getAttribute("aria-label");
  const status = page.locator(".heat:first-child [role=status]");
  for (let i = 0; i < 30 && await page.locator(".strip:focus").count() === 0; i++) {
    await page.keyboard.press("Tab");
  }
  assertEquals(await focused(), "over 50 s: none");
  await page.keyboard.press("ArrowUp");
  assertEquals(await focused(), "over 50 s: none");
  for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowDown");
  assertEquals((await focused())?.replace(/\d\d:\d\d/g, "TIME"), "5–10 ms: TIME 1");
  await page.keyboard.press("ArrowDown");
  assertEquals((await focused())?.replace(/\d\d:\d\d/g, "TIME"), "2–5 ms: TIME 3, TIME 600");
  await page.keyboard.press("ArrowLeft");
  await status.filter({ hasText: "2–5 ms: 600 leases" }).waitFor({ state: "attached" });
  await page.keyboard.press("Home");
  await status.filter({ hasText: "2–5 ms: 3 leases" }).waitFor({ state: "attached" });
  await page.keyboard.press("ArrowRight");
  await status.filter({ hasText: "2–5 ms: 600 leases" }).waitFor({ state: "attached" });
  assertEquals(await page.locator(".spotted").count(), 1);
  await page.keyboard.press("ArrowUp"); // to the same minute of another row
  await status.filter({ hasText: "5–10 ms: " }).waitFor({ state: "attached" });
  await page.keyboard.press("ArrowDown");
  await status.filter({ hasText: "2–5 ms: 600 leases" }).waitFor({ state: "attached" });
  assertEquals(await axe(page), [], "light");
  await page.keyboard.press("Tab");
  assertEquals(await focused(), "over 50 s: none".replace("none", await coldText(page)));
  assertEquals(await status.innerText(), "");
}

async function coldText(page: Page): Promise<string> {
  const label = await page.locator(".heat:last-child .strip").first().getAttribute("aria-label");
  assert(/^over 50 s: \d\d:\d\d 2$/.test(label ?? ""), `${label}`);
  return label!.slice("over 50 s: ".length);
}
