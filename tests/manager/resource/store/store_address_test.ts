import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseStoreAddress } from "../../../../manager/resource/store/store_address.ts";

Deno.test("`parseStoreAddress()` reads both forms, with etcd's port and a prefix as defaults", () => {
  assertEquals(parseStoreAddress("sqlite:/var/lib/a b.sqlite"), {
    kind: "sqlite",
    path: "/var/lib/a b.sqlite",
  });
  assertEquals(parseStoreAddress("etcd://h1:2379,h2,[::1]:80"), {
    kind: "etcd",
    members: ["h1:2379", "h2:2379", "[::1]:80"],
    prefix: "/rfaas",
  });
  for (const text of ["etcd://h/site/rfaas", "etcd://h/site/rfaas/"]) {
    const expected = { kind: "etcd", members: ["h:2379"], prefix: "/site/rfaas" } as const;
    assertEquals(parseStoreAddress(text), expected);
  }
});

const WRONG = {
  "": "sqlite:PATH or etcd://",
  "sqlite:": "sqlite:PATH or etcd://",
  "sqlite://host/path": "sqlite:PATH or etcd://",
  "/path": "sqlite:PATH or etcd://",
  "http://h:2379": "sqlite:PATH or etcd://",
  "etcd://": "sqlite:PATH or etcd://",
  "etcd://h1,,h2": '"" is no HOST:PORT',
  "etcd://h:99999": '"h:99999" is no HOST:PORT',
  "etcd://h?x=1": '"h?x=1" is no HOST:PORT',
  "etcd://h//a": "a prefix consists of",
  "etcd://h/a b": "a prefix consists of",
};

Deno.test("`parseStoreAddress()` refuses each other text with its fault", () => {
  for (const [text, fault] of Object.entries(WRONG)) {
    assertThrows(() => parseStoreAddress(text), TypeError, fault, text);
  }
});

Deno.test("`parseStoreAddress()` refuses a password, and shows none", () => {
  const error = assertThrows(
    () => parseStoreAddress("etcd://root:hunter2@h1,x:hunter2@h2"),
    TypeError,
  );
  assert(error.message.includes("--store-password-file"), error.message);
  assert(!error.message.includes("hunter2"), error.message);
});
