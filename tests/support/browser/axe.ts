/** What axe-core finds in a page. */
import { axeCore } from "./axe_core.ts";
import type { Page } from "./playwright.ts";

/** Runs all rules of axe-core. @returns a line for each element that breaks one. */
export async function axe(page: Page): Promise<string[]> {
  // By the protocol of the browser, since the policy of the page admits no other script.
  const result = await page.evaluate(
    `(() => { ${axeCore.source}; })(); axe.run(document, { resultTypes: ["violations"] })`,
  ) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`)
  );
}
