/** Debian's Chromium, for tests of pages. */
import { type Browser, chromium, type Page } from "./playwright.ts";
import { findProgram } from "../../../scripts/unpacked_package.ts";

const PROGRAMS = ["chromium-headless-shell", "chromium"];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The path of the browser; undefined if this host has none. */
export const browserPath: string | undefined = await findBrowser();
/** The end of a test's name where it is skipped. */
export const needsBrowser: string = browserPath === undefined ? " (needs chromium)" : "";

/** A browser, and what its pages complained about. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  /** Errors in the console, exceptions, and requests to other hosts. */
  readonly complaints: string[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<TestBrowser> {
    const browser = await chromium.launch({ executablePath: browserPath!, args: FLAGS });
    return new TestBrowser(browser);
  }

  /** Opens a page in a profile of its own. */
  async open(url: string, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
    const context = await this.#browser.newContext({ reducedMotion: "reduce", ...options });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error.stack)));
    const { host } = new URL(url);
    page.on("request", (request) => {
      if (new URL(request.url()).host !== host) this.complaints.push(request.url());
    });
    await page.goto(url);
    return page;
  }

  /** Opens the dashboard, and signs in. */
  async signedIn(
    manager: string,
    token: string,
    options: Parameters<Browser["newContext"]>[0] = {},
  ): Promise<Page> {
    const page = await this.open(`${manager}/ui`, options);
    await page.fill("#token", token);
    await page.keyboard.press("Enter");
    await page.waitForSelector(".summary");
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

async function findBrowser(): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    const found = await findProgram({ name: program, program, folder: program }, program);
    if (found !== undefined) return found.startsWith("/") ? found : `/usr/bin/${found}`;
  }
  return undefined;
}
