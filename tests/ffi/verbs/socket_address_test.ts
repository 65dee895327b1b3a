/** Host addresses, from text to struct sockaddr and back. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ipv6Text,
  resolveSocketAddress,
  socketAddressOf,
} from "../../../ffi/verbs/socket_address.ts";

Deno.test("`resolveSocketAddress()` returns the structures of man 7 ip and man 7 ipv6", async () => {
  assertEquals(
    (await resolveSocketAddress({ host: "10.77.0.1", port: 7471 })).toHex(),
    "0200" + "1d2f" + "0a4d0001" + "00".repeat(8),
  );
  assertEquals(
    (await resolveSocketAddress({ host: "fd00::1:2", port: 1 })).toHex(),
    "0a00" + "0001" + "00000000" + "fd00" + "00".repeat(10) + "00010002" + "00000000",
  );
});

Deno.test("`socketAddressOf()` reads what `resolveSocketAddress()` returns", async () => {
  for (const host of ["10.77.0.1", "255.255.255.255", "::1", "fd00::1", "2001:db8:1:2:3:4:5:6"]) {
    for (const port of [0, 1, 258, 65535]) {
      assertEquals(socketAddressOf(await resolveSocketAddress({ host, port })), { host, port });
    }
  }
});

Deno.test("`resolveSocketAddress()` resolves names, and an empty host as all addresses", async () => {
  const local = socketAddressOf(await resolveSocketAddress({ host: "localhost", port: 80 }));
  assert(["127.0.0.1", "::1"].includes(local.host), local.host);
  const all = await resolveSocketAddress({ host: "", port: 80 }, { passive: true });
  assert(["0.0.0.0", "::"].includes(socketAddressOf(all).host));
});

Deno.test("`resolveSocketAddress()` throws with the name of an unknown host", async () => {
  await assertRejects(
    () => resolveSocketAddress({ host: "no host", port: 80 }),
    Error,
    'Cannot find the address of host "no host": ',
  );
});

Deno.test("`socketAddressOf()` refuses an address of another family", () => {
  assertThrows(() => socketAddressOf(new Uint8Array(128)), Error, "family is 0");
});

Deno.test("`ipv6Text()` returns the short form", () => {
  const text = (hex: string) => ipv6Text(Uint8Array.fromHex(hex));
  assertEquals(text("fe80" + "00".repeat(12) + "0001"), "fe80::1");
  assertEquals(text("00".repeat(16)), "::");
});
