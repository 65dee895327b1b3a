/** The default sandbox of clusters in tests. RFAAS_TEST_SANDBOX runs the tests in another one. */

import { type RecipeName, recipeNames } from "../../../manager/executor/sandbox/recipes.ts";

/**
 * The sandbox under test.
 *
 * @throws {TypeError} when RFAAS_TEST_SANDBOX names none.
 */
export function testSandbox(): RecipeName {
  const named = Deno.env.get("RFAAS_TEST_SANDBOX") || "none";
  const found = recipeNames.find((name) => name === named);
  if (found === undefined) {
    throw new TypeError(
      `Cannot use RFAAS_TEST_SANDBOX: expected one of ${recipeNames.join(", ")}, got "${named}"`,
    );
  }
  return found;
}
