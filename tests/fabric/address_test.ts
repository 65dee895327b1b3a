/** Addresses of the fabric. */

import { assertEquals, assertThrows } from "@std/assert";
import { parseAddress } from "../../fabric/address.ts";
import { FabricError } from "../../fabric/errors.ts";

Deno.test("`parseAddress()` takes addresses of both providers apart", () => {
  assertEquals(parseAddress("shm:node-1.a_b"), { provider: "shm", name: "node-1.a_b" });
  assertEquals(parseAddress("verbs://10.0.0.1:7471"), {
    provider: "verbs",
    host: "10.0.0.1",
    port: 7471,
  });
  assertEquals(parseAddress("verbs://[fe80::1]:0"), {
    provider: "verbs",
    host: "fe80::1",
    port: 0,
  });
  assertEquals(parseAddress("verbs://node-7.cluster:65535").provider, "verbs");
});

for (
  const text of [
    "",
    "shm",
    "shm:",
    "shm:/etc/passwd",
    "shm:../x",
    "shm:.x",
    "shm:a\nb",
    "shm:a\0b",
    `shm:${"x".repeat(81)}`,
    "SHM:a",
    " shm:a",
    "verbs:10.0.0.1:1",
    "verbs://10.0.0.1",
    "verbs://10.0.0.1:",
    "verbs://10.0.0.1:65536",
    "verbs://10.0.0.1:-1",
    "verbs://10.0.0.1:1/x",
    "verbs://a b:1",
    "http://a:1",
  ]
) {
  Deno.test(`\`parseAddress()\` refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
    const error = assertThrows(() => parseAddress(text), FabricError) as FabricError;
    assertEquals(error.code, "address");
  });
}
