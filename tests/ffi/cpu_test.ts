/** The cycle counter and the pause hint. */

import { assert } from "@std/assert";
import { openCpu } from "../../ffi/cpu.ts";
import { openLibc } from "../../ffi/libc.ts";

Deno.test("`cycles()` never decreases", () => {
  const libc = openLibc();
  const cpu = openCpu(libc);
  let last = cpu.cycles();
  for (let i = 0; i < 100_000; i++) {
    const now = cpu.cycles();
    if (!(now >= last)) throw new Error(`${now} after ${last}`);
    last = now;
  }
  assert(Number.isSafeInteger(last) && last > 0, `${last}`);
  cpu.close();
  libc.close();
});

Deno.test("`cycles()` runs at a steady rate", () => {
  const libc = openLibc();
  const cpu = openCpu(libc);
  const rates: number[] = [];
  for (let i = 0; i < 5; i++) {
    const [fromMs, from] = [performance.now(), cpu.cycles()];
    while (performance.now() - fromMs < 20) cpu.pause();
    const [toMs, to] = [performance.now(), cpu.cycles()];
    rates.push((to - from) / (toMs - fromMs));
  }
  cpu.close();
  libc.close();
  rates.sort((a, b) => a - b);
  const [median, text] = [rates[2]!, rates.map((rate) => Math.round(rate)).join(", ")];
  // From aarch64's 24 MHz timers to 10 GHz; a lost time slice may distort one round of five.
  assert(median > 1e4 && median < 1e7, `${text} a ms`);
  assert(rates[1]! > median * 0.9 && rates[3]! < median * 1.1, `${text} a ms`);
});
