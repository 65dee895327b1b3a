/** The context of a trace between processes: the header `traceparent` (W3C Trace Context, section 3.2). */

/** Names one span of a trace. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Bit 0: the caller records the trace. */
  readonly traceFlags: number;
}

/** Version 00, the trace, the span and the flags. */
export const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** The same of a later version, which may add flags and fields. Version ff is not valid. */
const LATER = /^(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
/** The flags of version 00. */
const FLAGS = 1;
const NO_ID = /^0*$/;

/** @returns undefined for anything that is not valid: a request without a trace is served as well. */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  if (typeof text !== "string") return undefined;
  const known = TRACEPARENT.exec(text);
  const found = known ?? LATER.exec(text);
  if (found === null) return undefined;
  const [, traceId, spanId, flags] = found as unknown as [string, string, string, string];
  if (NO_ID.test(traceId) || NO_ID.test(spanId)) return undefined;
  const traceFlags = parseInt(flags, 16) & (known === null ? FLAGS : 0xff);
  return { traceId, spanId, traceFlags };
}

export function formatTraceparent({ traceId, spanId, traceFlags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, "0")}`;
}
