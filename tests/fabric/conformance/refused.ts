/** Connections that are not made. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import { MAX_PRIVATE_DATA_BYTES } from "../../../fabric/fabric.ts";
import { limitMs } from "../../support/time_factor.ts";
import { assertCode, assertRejectsCode, type Open } from "./pair.ts";
import { pattern } from "../../support/pattern.ts";

export function refused(name: string, open: Open): void {
  Deno.test(`${name}: \`connect()\` fails with the private data of \`reject()\``, async () => {
    for (const bytes of [0, MAX_PRIVATE_DATA_BYTES]) {
      await using provider = open();
      using listener = await provider.listen();
      const connecting = assertRejectsCode(
        () => provider.connect(listener.address, { arenaBytes: 4096 }),
        "rejected",
      );
      const request = await listener.accept();
      request!.reject(pattern(bytes));
      assertEquals((await connecting).privateData.subarray(0, bytes), pattern(bytes));
    }
  });

  Deno.test(`${name}: \`connect()\`, \`accept()\` and \`reject()\` refuse 57 bytes of private data`, async () => {
    await using provider = open();
    using listener = await provider.listen();
    const long = pattern(MAX_PRIVATE_DATA_BYTES + 1);
    const options = { arenaBytes: 4096, privateData: long };
    await assertRejectsCode(() => provider.connect(listener.address, options), "range");
    const connecting = provider.connect(listener.address, { arenaBytes: 4096 });
    const request = (await listener.accept())!;
    await assertRejectsCode(() => request.accept(options), "range");
    assertCode(() => request.reject(long), "range");
    using b = await request.accept({ arenaBytes: 4096 }); // not answered yet
    using a = await connecting;
    assertEquals([a.state, b.state], ["connected", "connected"]);
  });

  Deno.test(`${name}: \`connect()\` refuses invalid options`, async () => {
    await using provider = open();
    using listener = await provider.listen();
    const wrong = [
      { arenaBytes: 0 },
      { arenaBytes: -1 },
      { arenaBytes: NaN },
      { arenaBytes: 0.5 },
      { arenaBytes: Infinity },
      { arenaBytes: 64, receiveDepth: 0 },
      { arenaBytes: 64, receiveDepth: 2 ** 31 },
      { arenaBytes: 64, sendDepth: NaN },
      { arenaBytes: 64, receives: [{ id: 1, offset: 60, length: 5 }] },
      { arenaBytes: 64, receiveDepth: 1, receives: Array(2).fill({ id: 1, offset: 0, length: 5 }) },
    ];
    for (const options of wrong) {
      await assertRejectsCode(() => provider.connect(listener.address, options), "range");
    }
  });

  Deno.test(`${name}: \`connect()\` without a listener is refused`, async () => {
    await using provider = open();
    const listener = await provider.listen();
    listener.close();
    await assertRejectsCode(
      () => provider.connect(listener.address, { arenaBytes: 4096 }),
      "refused",
    );
  });

  Deno.test(`${name}: \`connect()\` times out at a listener that never accepts`, async () => {
    await using provider = open();
    using listener = await provider.listen();
    const startMs = performance.now();
    await assertRejectsCode(
      () => provider.connect(listener.address, { arenaBytes: 4096, timeoutMs: 100 }),
      "timeout",
    );
    const tookMs = performance.now() - startMs;
    assert(tookMs >= 99 && tookMs < limitMs(2000), `${tookMs} ms`);
  });

  Deno.test(`${name}: \`connect()\` throws the reason of its signal`, async () => {
    await using provider = open();
    using listener = await provider.listen();
    const reason = new Error("enough");
    const connect = (signal: AbortSignal) =>
      provider.connect(listener.address, { arenaBytes: 4096, signal });
    assertEquals(await assertRejects(() => connect(AbortSignal.abort(reason))), reason);
    const controller = new AbortController();
    const connecting = assertRejects(() => connect(controller.signal));
    await listener.accept(); // the request has been sent
    controller.abort(reason);
    assertEquals(await connecting, reason);
  });

  Deno.test(`${name}: \`accept()\` of a request whose peer has given up fails`, async () => {
    await using provider = open();
    using listener = await provider.listen();
    const controller = new AbortController();
    const { signal } = controller;
    const connecting = provider.connect(listener.address, { arenaBytes: 4096, signal });
    const request = (await listener.accept())!;
    controller.abort();
    await assertRejects(() => connecting);
    await assertRejects(() => request.accept({ arenaBytes: 4096 }), FabricError);
  });

  Deno.test(`${name}: \`listen()\` at an address in use fails with code address`, async () => {
    await using provider = open();
    using listener = await provider.listen();
    await assertRejectsCode(() => provider.listen(listener.address), "address");
  });

  Deno.test(`${name}: malformed addresses fail with code address`, async () => {
    await using provider = open();
    for (const address of ["", "tcp://a:1", "shm:", "shm:a b", "verbs://:1", "verbs://a:65536"]) {
      await assertRejectsCode(() => provider.listen(address), "address");
      await assertRejectsCode(() => provider.connect(address, { arenaBytes: 64 }), "address");
    }
  });

  Deno.test(`${name}: a request can be answered once`, async () => {
    await using provider = open();
    using listener = await provider.listen();
    const connecting = provider.connect(listener.address, { arenaBytes: 4096 });
    const request = (await listener.accept())!;
    using _b = await request.accept({ arenaBytes: 4096 });
    using _a = await connecting;
    await assertRejectsCode(() => request.accept({ arenaBytes: 4096 }), "state");
    assertCode(() => request.reject(), "state");
  });

  Deno.test(`${name}: a listener's \`accept()\` ends by \`close()\` and by its signal`, async () => {
    await using provider = open();
    const listener = await provider.listen();
    const reason = new Error("enough");
    const controller = new AbortController();
    const aborted = assertRejects(() => listener.accept({ signal: controller.signal }));
    const waiting = [listener.accept(), listener.accept()];
    controller.abort(reason);
    assertEquals(await aborted, reason);
    listener.close();
    assertEquals(await Promise.all(waiting), [undefined, undefined]);
    assertEquals(await listener.accept(), undefined);
  });

  Deno.test(`${name}: closing a listener ends the connects that wait for it`, async () => {
    await using provider = open();
    const listener = await provider.listen();
    const connecting = assertRejects(
      () => provider.connect(listener.address, { arenaBytes: 4096 }),
      FabricError,
    );
    const request = await listener.accept(); // the second one stays in the queue
    const second = assertRejects(
      () => provider.connect(listener.address, { arenaBytes: 4096 }),
      FabricError,
    );
    request!.reject();
    await connecting;
    listener.close();
    await second;
  });
}
