/** The sandbox that clusters of tests use unless they ask for one: RFAAS_TEST_SANDBOX runs any test in another. */

import { type RecipeName, recipeNames } from "../../manager/executor/sandbox/recipes.ts";

/** @throws {TypeError} if the variable names none. */
export function testSandbox(): RecipeName {
  const named = Deno.env.get("RFAAS_TEST_SANDBOX") || "none";
  const found = recipeNames.find((name) => name === named);
  if (found === undefined) throw new TypeError(`Cannot test: RFAAS_TEST_SANDBOX is ${named}`);
  return found;
}
