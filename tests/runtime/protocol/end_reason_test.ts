/** The code of a reason decides what a caller gets, and its message never does. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { leaseOverError, lossError } from "../../../runtime/client/loss.ts";
import {
  DeadlineExceededError,
  ExecutorLostError,
  LeaseOverError,
  LimitExceededError,
  NodeLostError,
  type RfaasError,
} from "../../../runtime/errors.ts";
import { LeaseWords, NODE_GONE, OVER } from "../../../runtime/keeper/lease_words.ts";
import { MAX_REASON_CHARACTERS } from "../../../runtime/policy.ts";
import {
  END_CODES,
  type EndCode,
  type EndReason,
  endReason,
  endReasonNumber,
  endReasonOf,
  endReasonSchema,
  endReasonText,
  executorReasonSchema,
  limitReason,
} from "../../../runtime/protocol/end_reason.ts";
import { executorLostSchema, overSchema } from "../../../runtime/protocol/node_protocol.ts";
import * as v from "../../../runtime/valibot.ts";

/** Type-checks only while END_CODES has every code. */
const CODES: readonly (typeof END_CODES)[number][] =
  END_CODES satisfies readonly EndCode[] as readonly EndCode[];

const REASONS: readonly EndReason[] = CODES.flatMap((code) =>
  code === "limit"
    ? (["memory", "call", "cpu"] as const).map((limit) => limitReason(limit, "a text"))
    : [endReason(code, "a text")]
);

/** The texts that older versions matched are among them. */
const message = fc.oneof(
  fc.string({ maxLength: 100 }),
  fc.constantFrom(
    "draining: its node drains",
    "limit: memory: the heap was full",
    "crash-loop: 20",
    "expired: ",
    "",
  ),
);

/** As it arrives after the way over a control channel. */
function travelled(reason: EndReason): EndReason {
  return v.parse(overSchema, JSON.parse(JSON.stringify({ reason }))).reason;
}

/** The errors of a call that was sent and of one that was not, in each way that a lease learns of a reason. */
function errorsOf(reason: EndReason): Record<string, RfaasError> {
  const arrived = travelled(reason);
  const executor = new LeaseWords([3]);
  executor.executorEnded(
    v.parse(executorLostSchema, { worker: 3, generation: 1, reason: arrived }),
  );
  const part = new LeaseWords([3]);
  part.ended(OVER, arrived);
  const node = new LeaseWords([3]);
  node.ended(NODE_GONE, arrived);
  const call = { name: "f", node: "n", posted: true };
  const verdict = executor.verdict(3, 1);
  return {
    executor: lossError({ ...call, culprit: true }, verdict),
    bystander: lossError(call, verdict),
    part: lossError(call, part.verdict(3, 1)),
    node: lossError({ ...call, posted: false }, node.verdict(3, 1)),
    lease: leaseOverError("Cannot call f", arrived),
  };
}

function classAndCode(error: RfaasError): unknown[] {
  if (error instanceof LimitExceededError) return [LimitExceededError, error.limit];
  if (error instanceof LeaseOverError) return [LeaseOverError, error.code];
  if (error instanceof ExecutorLostError || error instanceof NodeLostError) {
    return [error.constructor, error.code, error.outcome];
  }
  return [error];
}

Deno.test("each code leads to its error class, whatever the message reads", () => {
  fc.assert(fc.property(message, (text) => {
    for (const reason of REASONS) {
      const { code, limit } = reason;
      const errors = errorsOf({ ...reason, message: text });
      const over = limit ? [LimitExceededError, limit] : [LeaseOverError, code];
      const lost = limit ? [LimitExceededError, limit] : [ExecutorLostError, code, "unknown"];
      if (code === "deadline") assertInstanceOf(errors.executor, DeadlineExceededError);
      else assertEquals(classAndCode(errors.executor!), lost);
      assertEquals(classAndCode(errors.bystander!), [ExecutorLostError, code, "unknown"]);
      assertEquals(
        (errors.bystander!.cause as Error).message,
        text.slice(0, MAX_REASON_CHARACTERS),
      );
      assertEquals(classAndCode(errors.part!), code === "draining" ? lost : over);
      assertEquals(classAndCode(errors.node!), [NodeLostError, code, "not-run"]);
      assertEquals(classAndCode(errors.lease!), over);
    }
  }));
});

Deno.test("`endReasonSchema` keeps every reason of this version, and makes `other` of what it does not have", () => {
  for (const reason of REASONS) assertEquals(travelled(reason), reason);
  const parse = (reason: unknown) => v.parse(endReasonSchema, reason);
  const other = { code: "other", message: "m" };
  assertEquals(parse({ code: "evicted", message: "m" }), other);
  assertEquals(parse({ code: "limit", limit: "disk", message: "m" }), other);
  assertEquals(parse({ code: "limit", message: "m" }), other);
  assertEquals(parse({ code: "expired", limit: "cpu", message: "m", more: 1 }), {
    code: "expired",
    message: "m",
  });
  assertEquals(
    parse({ code: "crashed", message: "x".repeat(5000) }).message.length,
    MAX_REASON_CHARACTERS,
  );
  for (const bad of [null, "expired: text", {}, { code: 1, message: "m" }, { code: "expired" }]) {
    assert(!v.safeParse(endReasonSchema, bad).success, JSON.stringify(bad));
  }
});

Deno.test("`executorReasonSchema` accepts no code that only a node or a client can report", () => {
  const codes = REASONS.map((reason) => v.parse(executorReasonSchema, reason).code);
  assertEquals(
    [...new Set(codes)].sort(),
    [
      "abandoned",
      "client-gone",
      "crashed",
      "deadline",
      "failed",
      "killed",
      "limit",
      "other",
      "silent",
      "stopped",
    ],
  );
});

Deno.test("`endReasonOf()` reads what `endReasonNumber()` writes", () => {
  for (const reason of REASONS) {
    assertEquals(endReasonOf(endReasonNumber(reason), reason.message), reason);
  }
});

Deno.test("`endReasonText()` is one line with the code first", () => {
  assertEquals(
    endReasonText(endReason("expired", "its term is over")),
    "expired: its term is over",
  );
  assertEquals(endReasonText(limitReason("cpu", "too much")), "limit: cpu: too much");
});
