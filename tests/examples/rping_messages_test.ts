import { assertEquals, assertThrows } from "@std/assert";
import { decodeAdvertisement, encodeAdvertisement } from "../../examples/rping/advertisement.ts";
import { PingError } from "../../examples/rping/errors.ts";
import { checkPing, fillPing, pingText } from "../../examples/rping/ping_data.ts";

/** The output of rdma-core 44: `rping -c -a HOST -C 3 -v`. */
const PRINTED = [
  "rdma-ping-0: ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqr",
  "rdma-ping-1: BCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrs",
  "rdma-ping-2: CDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrst",
];

Deno.test("`fillPing()` writes the data of rdma-core's rping", () => {
  for (const [round, text] of PRINTED.entries()) {
    const bytes = new Uint8Array(64);
    fillPing(bytes, round);
    assertEquals(pingText(bytes), text);
    assertEquals(bytes[63], 0);
  }
});

Deno.test("`fillPing()` begins with A again after z", () => {
  const bytes = new Uint8Array(1000);
  fillPing(bytes, 57);
  assertEquals(pingText(bytes).slice(0, 17), "rdma-ping-57: zAB");
  fillPing(bytes, 58);
  assertEquals(pingText(bytes).slice(0, 17), "rdma-ping-58: ABC");
});

Deno.test("`checkPing()` reports the first byte that differs", () => {
  const bytes = new Uint8Array(64);
  fillPing(bytes, 3);
  checkPing(bytes, 3, "the ping");
  for (const at of [0, 10, 14, 40, 63]) {
    const wrong = bytes.with(at, bytes[at]! ^ 1);
    const error = assertThrows(() => checkPing(wrong, 3, "the ping"), PingError) as PingError;
    assertEquals(
      [error.code, error.message],
      [
        "data",
        `Cannot accept the ping of round 3: byte ${at} of 64 is ${wrong[at]}, expected ${
          bytes[at]
        }`,
      ],
    );
  }
  assertThrows(() => checkPing(bytes, 4, "the ping"), PingError);
});

Deno.test("an advertisement is 16 bytes in network byte order", () => {
  const bytes = new Uint8Array(16);
  const region = { address: 0x7fab_1234_5678, rkey: 0xfedc_ba98, size: 64 };
  encodeAdvertisement(bytes, region);
  assertEquals(bytes.toHex(), "00007fab12345678" + "fedcba98" + "00000040");
  assertEquals(decodeAdvertisement(bytes), region);
});

Deno.test("`decodeAdvertisement()` refuses other lengths, and addresses that no number holds", () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(15), new Uint8Array(16).fill(255)]) {
    const error = assertThrows(() => decodeAdvertisement(bytes), PingError) as PingError;
    assertEquals(error.code, "protocol");
  }
});
