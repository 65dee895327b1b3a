/** Names that a resource manager never accepts, in case that one arrives at the page in another way. */
import { assertEquals } from "@std/assert";
import { HOSTILE, HOSTILE_CHANGE, HOSTILE_EVENTS } from "../../../support/manager/shown_feed.ts";
import { browserPath, needsBrowser, TestBrowser } from "../../../support/browser/test_browser.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";

Deno.test({
  name: `hostile names are text in every view of the dashboard${needsBrowser}`,
  ignore: browserPath === undefined,
  // The browser is a process of a library that begins timers of its own.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using manager = await TestManager.start();
    await using browser = await TestBrowser.start();
    const page = await browser.open(`${manager.url}/ui`);
    const body = `data: ${JSON.stringify(HOSTILE_CHANGE)}\n\n`;
    await page.route(
      "**/ui/live",
      (route) => route.fulfill({ contentType: "text/event-stream", body }),
    );
    const events = { contentType: "application/json", body: JSON.stringify(HOSTILE_EVENTS) };
    await page.route("**/v1/events?newest=*", (route) => route.fulfill(events));
    await page.fill("#token", manager.token("operator"));
    await page.keyboard.press("Enter");
    await page.waitForSelector(".box");
    for (const view of await page.locator("nav a").allInnerTexts()) {
      await page.click(`nav >> text=${view.split(" ")[0]}`);
      await page.waitForSelector("nav a[aria-current]");
      assertEquals(await page.locator("img, #app script, [onmouseover]").count(), 0, view);
    }
    await page.click("nav >> text=Events");
    await page.locator(".rest").nth(2 * HOSTILE.length).waitFor(); // the first one is the head
    const refused = await page.locator(".row:has-text('Lease request') .rest").allTextContents();
    const expected = HOSTILE.map((text) =>
      `refused, of ${text}, 1 core, 7 requests, ${text}: ${text}`
    );
    assertEquals(new Set(refused), new Set(expected));
    const subjects = await page.locator(".name button").allTextContents();
    assertEquals(new Set(subjects), new Set(HOSTILE));
    await page.click("nav >> text=Cluster");
    await page.locator(".row .name button").nth(HOSTILE.length - 1).waitFor();
    const names = await page.locator(".row .name button").allTextContents();
    assertEquals(new Set(names), new Set(HOSTILE));
    await page.locator(".row .name button").first().click();
    await page.waitForSelector(".panel");
    await page.locator(".box").first().click({ force: true });
    // A name with a mark of direction changes nothing outside of itself.
    const bidi = await page.evaluate(
      'getComputedStyle(document.querySelector(".row .name button")).unicodeBidi',
    );
    assertEquals(bidi, "isolate");
    assertEquals(await page.evaluate("window.hacked"), undefined);
    assertEquals(browser.complaints, []);
  },
});
