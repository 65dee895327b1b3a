/** Connects to itself; prints "connected", the reason why each end ended, and the completion of a posted receive. */

import { openVerbs } from "../../../fabric/verbs/provider.ts";
import { connectPair, next } from "../../fabric/conformance/pair.ts";

await using pair = await connectPair(openVerbs);
const { a, b } = pair;
a.postReceive(1, 0, 64);
console.log("connected");
const untilMs = performance.now() + 30_000;
for (const end of [a, b]) {
  while (end.probe() && performance.now() < untilMs) await end.wait({ timeoutMs: 100 });
  console.log(`${end.state}: ${end.reason}`);
}
const { id, status } = await next(a);
console.log(`receive ${id}: status ${status}`);
