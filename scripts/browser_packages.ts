/** The system packages with the browser for the tests of the dashboard. */

/** Names in Debian. A font without serifs is what the page is made for. */
export const BROWSER_PACKAGES: readonly string[] = ["chromium-headless-shell", "fonts-inter"];
