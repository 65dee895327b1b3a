/**
 * The cost of each codec, compared with raw bytes: a whole call with both ends in one thread, from the value of the
 * argument to the value of the result. Neither end waits, so only the codecs differ.
 */

import type { PackageFunction } from "../../runtime/executor/package/package_function.ts";
import type { PreparedCall } from "../../runtime/call/prepared_call.ts";
import { type CodecCase, codecCases, COUNTS } from "./codec_cases.ts";
import * as functions from "../codec_functions.ts";
import { type OneThread, openOneThread } from "../floors/one_thread.ts";
import { alignColumns } from "../../cli/table.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "../times.ts";

/** JSON writes a double with at most about 20 bytes. */
const MAX_BYTES = 4 * 2 ** 20;
/** Calls per sample, which makes the cost of reading the counter negligible. */
const BURST = 16;

export async function codecSuite(bench: Bench): Promise<void> {
  const { raw, typedBytes, array, fields, text, packed } = functions;
  const served = { raw, typedBytes, array, fields, text, packed };
  await using ends = await openOneThread({
    depth: 1,
    maxBytes: MAX_BYTES,
    functions: served as unknown as Record<string, PackageFunction>,
  });
  const lines = [["doubles", "codec", "bytes sent", "p50 us", "to raw bytes"]];
  for (const count of COUNTS) {
    const samples = bench.quick ? 20 : count > 1000 ? 100 : 5000;
    let rawUs = NaN;
    for (const each of codecCases(count)) {
      bench.progress(`codec, ${each.name}, ${count} doubles`);
      const length = each.codec.encode(each.value).length;
      using call = ends.prepare(each.name, length);
      const times = measure(bench, ends, call, each, samples, count > 1000 ? 1 : BURST);
      bench.add(toRow("codec", `${each.name}, ${count} doubles`, length, times));
      const us = times.percentileUs(50);
      if (each.name === "raw") rawUs = us;
      lines.push([`${count}`, each.name, `${length}`, us.toPrecision(3), (us / rawUs).toFixed(2)]);
    }
  }
  bench.addText(`codec, both ends in one thread\n${alignColumns(lines, [1])}`);
}

function measure(
  bench: Bench,
  { server }: OneThread,
  call: PreparedCall,
  { codec, value }: CodecCase,
  samples: number,
  burst: number,
): Times {
  const times = new Times();
  const once = () => {
    const length = codec.encodeInto(value, call.input);
    call.start(length);
    if (!server.serveNext()) {
      throw new Error(`Cannot serve the call: ${server.broken || "no request"}`);
    }
    return codec.decode(call.output.subarray(0, call.finish()));
  };
  for (let i = -Math.ceil(samples / 2); i < samples; i++) { // negative ones warm up
    const begin = bench.cycles();
    for (let j = 0; j < burst; j++) once();
    const us = (bench.cycles() - begin) / bench.perUs / burst;
    if (i >= 0) times.add(us);
  }
  return times;
}
