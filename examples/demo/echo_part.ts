/** The first part: what a call costs, beside the least that it could cost. */

import { delay } from "@std/async";
import { calibrateCycles } from "../../bench/cycles.ts";
import { openCpu } from "../../ffi/cpu.ts";
import { openLibc } from "../../ffi/libc.ts";
import type { Lease } from "../../mod.ts";
import { openFloor } from "./echo_floor.ts";
import { percentileOf } from "./percentiles.ts";

/** Bytes of argument and of result. */
const BYTES = 64;
/** How often the floor and the calls alternate, because the speed of a machine varies over time. */
const TURNS = 5;
/** Calls before the measurement, which make V8 compile all code. */
const WARM_UP_CALLS = 20_000;

export interface EchoFigures {
  readonly calls: number;
  /** All calls, in microseconds, sorted. */
  readonly echoUs: Float64Array;
  /** All round trips of the floor, in microseconds, sorted. */
  readonly floorUs: Float64Array;
  /** The medians of the turn whose ratio is the median of all turns. */
  readonly echoP50: number;
  readonly floorP50: number;
}

/**
 * Calls `echo` hot, one call after the other, alternating with the floor. The cycle counter times both.
 *
 * @param fabric the fabric of the lease's calls, and of the floor.
 * @param restMs how long a worker polls after its last call. The floor starts when the worker sleeps.
 */
export async function measureEcho(
  lease: Lease,
  fabric: "shm" | "verbs",
  calls: number,
  restMs: number,
  signal: AbortSignal,
): Promise<EchoFigures> {
  const libc = openLibc();
  const cpu = openCpu(libc);
  try {
    await using floor = await openFloor(fabric, BYTES, cpu.cycles);
    using call = lease.prepare("echo", { bytes: BYTES, resultBytes: BYTES, worker: 0 });
    const payload = crypto.getRandomValues(new Uint8Array(BYTES));
    const each = Math.ceil(calls / TURNS);
    const warmUp = new Float64Array(Math.min(calls, WARM_UP_CALLS));
    await floor.measure(warmUp);
    callInTurn(call, payload, cpu.cycles, warmUp);
    const perUs = calibrateCycles(cpu.cycles);
    const turns: { echo: Float64Array; floor: Float64Array }[] = [];
    for (let i = 0; i < TURNS; i++) {
      signal.throwIfAborted();
      const turn = { echo: new Float64Array(each), floor: new Float64Array(each) };
      await delay(restMs);
      await floor.measure(turn.floor);
      call.invokeSync(BYTES); // wakes the worker
      callInTurn(call, payload, cpu.cycles, turn.echo);
      turns.push(turn);
    }
    if (call.output.some((byte, i) => byte !== payload[i])) {
      throw new Error("Cannot use the figures: echo returned other bytes than it received");
    }
    return sumUp(turns, perUs);
  } finally {
    cpu.close();
    libc.close();
  }
}

/** The measured loop. It reads the counter once a call: the end of one call is the start of the next. */
function callInTurn(
  call: ReturnType<Lease["prepare"]>,
  payload: Uint8Array,
  cycles: () => number,
  times: Float64Array,
): void {
  const input = call.input;
  let before = cycles();
  for (let i = 0; i < times.length; i++) {
    input.set(payload);
    call.invokeSync(BYTES);
    const now = cycles();
    times[i] = now - before;
    before = now;
  }
}

function sumUp(
  turns: { echo: Float64Array; floor: Float64Array }[],
  perUs: number,
): EchoFigures {
  const inUs = (cycles: Float64Array) => cycles.map((value) => value / perUs).sort();
  const medians = turns.map(({ echo, floor }) => ({
    echo: percentileOf(inUs(echo), 50),
    floor: percentileOf(inUs(floor), 50),
  })).sort((a, b) => a.echo / a.floor - b.echo / b.floor);
  const middle = medians[Math.floor(medians.length / 2)]!;
  const all = (which: "echo" | "floor") =>
    inUs(Float64Array.from(turns.flatMap((turn) => [...turn[which]])));
  const echoUs = all("echo");
  return {
    calls: echoUs.length,
    echoUs,
    floorUs: all("floor"),
    echoP50: middle.echo,
    floorP50: middle.floor,
  };
}
