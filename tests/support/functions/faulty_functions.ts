/** A function package whose functions end their worker, if their input requests it. */

import { packageOf } from "./functions_package.ts";

/** First bytes of an input of `work`: it succeeds, loops without end, exhausts the memory, or ends its process. */
export const OK = 0, LOOP = 1, BOMB = 2, EXIT = 3;

export const faultyFunctions = packageOf(`
  const kept = [];
  let count = 0;
  export function work(input, output) {
    count++;
    if (input[0] === ${LOOP}) for (;;);
    if (input[0] === ${BOMB}) for (;;) kept.push(new Uint8Array(8 * 2 ** 20).fill(1));
    if (input[0] === ${EXIT}) Deno.exit();
    output.set(input);
    return input.length;
  }
  export async function nap(input, output) {
    await new Promise((resolve) => setTimeout(resolve, input[0]));
    output.set(input);
    return input.length;
  }
  export const forever = () => new Promise(() => {});
  export function state(_, output) {
    new Uint32Array(output.buffer, output.byteOffset, 2).set([Deno.pid, count]);
    return 8;
  }
`);
