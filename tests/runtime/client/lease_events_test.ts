/** The events of a lease, as its readers see them. */

import { assertEquals } from "@std/assert";
import { LeaseEvents } from "../../../runtime/client/lease_events.ts";
import { CLOSED } from "../../../runtime/protocol/end_reason.ts";
import { within } from "../../support/waiting.ts";

const renewed = (ms: number) => ({ type: "renewed", expires: new Date(ms) }) as const;
const closed = { type: "closed", reason: CLOSED } as const;

Deno.test("`LeaseEvents.read()` yields the newest 256 events from its call on, and ends after `closed`", async () => {
  const events = new LeaseEvents();
  events.emit(renewed(0));
  const slow = events.read();
  const first = events.read().next();
  for (let ms = 1; ms <= 300; ms++) events.emit(renewed(ms));
  events.emit(closed);
  assertEquals(await first, { done: false, value: renewed(1) });
  const read = await Array.fromAsync(slow);
  assertEquals(read.length, 256);
  assertEquals([read[0], read.at(-1)], [renewed(46), closed]);
  assertEquals(await Array.fromAsync(events.read()), []);
});

Deno.test("`LeaseEvents.read()` ends by `return()`, also while it waits for an event", async () => {
  const events = new LeaseEvents();
  const reader = events.read();
  const waiting = [reader.next(), reader.next()];
  await within(1000, "return()", reader.return!());
  const over = { done: true, value: undefined } as const;
  assertEquals(await Promise.all(waiting), [over, over]);
  events.emit(renewed(1));
  assertEquals(await reader.next(), over);
});
