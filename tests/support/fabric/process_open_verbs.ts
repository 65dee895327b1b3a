/** Opens the verbs libraries twice and prints each outcome: `opened`, or the error's code and message. */

import { openLibc } from "../../../ffi/libc.ts";
import { openVerbs } from "../../../ffi/verbs/open_verbs.ts";
import { VerbsUnavailableError } from "../../../ffi/verbs/verbs_unavailable.ts";
import { countDescriptors } from "../descriptors.ts";

const libc = openLibc();
const revoked = Deno.args.includes("--revoke");
if (revoked) Deno.permissions.revokeSync({ name: "ffi" });
const open: number[] = [];
for (let round = 0; round < 2; round++) {
  try {
    const verbs = openVerbs(libc);
    verbs.close();
    verbs.close();
    console.log("opened");
  } catch (error) {
    if (!(error instanceof VerbsUnavailableError)) throw error;
    console.log(`${error.code}: ${error.message}`);
  }
  // The libraries open some descriptors only once and keep them.
  if (!revoked) open.push(countDescriptors());
}
if (open[0] !== open[1]) console.log(`descriptors: ${open}`);
