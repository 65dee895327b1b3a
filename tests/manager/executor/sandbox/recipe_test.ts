/** Recipes of sandboxes: their placeholders are replaced, and an invalid recipe is refused with the reason. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openLibc } from "../../../../ffi/libc.ts";
import { OsSandbox } from "../../../../manager/executor/sandbox/os_sandbox.ts";
import { ownCgroup } from "../../../../manager/executor/sandbox/own_limits.ts";
import {
  fillRecipe,
  type Recipe,
  recipeFault,
} from "../../../../manager/executor/sandbox/recipe.ts";
import { RECIPES } from "../../../../manager/executor/sandbox/recipes.ts";

const TEXTS = {
  deno: "/d",
  code: "/c",
  cache: "/x",
  root: "/r",
  id: "i",
  seccomp: "/s",
  cgroup: "/g",
  nofile: "1",
  nproc: "2",
  memlock: "-1",
};
const RECIPE: Recipe = {
  command: ["/box", "--bind={deno}:{code}", "{rdma}", "{net}", "{readable}", "--", "{executor}"],
  rdma: ["--rdma"],
  net: ["--net", "host"],
  readable: ["--ro", "{path}"],
};

Deno.test("`fillRecipe()` inserts what a start needs and nothing else", () => {
  const executor = ["/rfaas/deno", "run", "{deno}"];
  const bare = { executor, texts: TEXTS, rdma: false, net: false, readable: [] };
  assertEquals(fillRecipe(RECIPE, bare), ["/box", "--bind=/d:/c", "--", ...executor]);
  const all = { ...bare, rdma: true, net: true, readable: ["/a b", "/$&"] };
  const more = ["--rdma", "--net", "host", "--ro", "/a b", "--ro", "/$&"];
  assertEquals(fillRecipe(RECIPE, all), ["/box", "--bind=/d:/c", ...more, "--", ...executor]);
});

Deno.test("`recipeFault()` accepts the built-in recipes, and names the fault of invalid ones", () => {
  for (const recipe of Object.values(RECIPES)) assertEquals(recipeFault(recipe), undefined);
  const faults: [Partial<Recipe>, string][] = [
    [{ command: ["box", "{executor}"] }, "absolute path"],
    [{ command: [] }, "absolute path"],
    [{ command: ["/box"] }, "{executor} exactly once"],
    [{ command: ["/box", "{executor}", "{executor}"] }, "{executor} exactly once"],
    [{ command: ["/box", "-c={executor}"] }, "{executor} exactly once"],
    [{ command: ["/box", "x{rdma}", "{executor}"] }, '{rdma} in "x{rdma}"'],
    [{ command: ["/box", "{dneo}", "{executor}"] }, "{dneo}"],
    [{ readable: ["--ro"] }, "{path}"],
  ];
  for (const [change, what] of faults) {
    assertStringIncludes(recipeFault({ ...RECIPE, ...change }) ?? "", what);
  }
});

Deno.test("a node does not start with an invalid recipe", async () => {
  const libc = openLibc();
  const open = OsSandbox.open(libc, { command: ["/box"] }, "/nowhere");
  await assertRejects(() => open, TypeError, "Cannot use sandbox custom");
  libc.close();
});

Deno.test("`ownCgroup()` prefers the version 1 hierarchy of memory to that of version 2", () => {
  assertEquals(ownCgroup("9:name=systemd:/x\n4:memory:/a/b\n0::/c\n"), "/a/b");
  assertEquals(ownCgroup("5:cpu,memory:/a\n0::/c\n"), "/a");
  assertEquals(ownCgroup("0::/user.slice/c\n"), "/user.slice/c");
  assertEquals(ownCgroup(""), "/");
});
