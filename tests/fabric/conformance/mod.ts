/**
 * The contract of fabric/fabric.ts as tests, good flow and bad flow, for every provider.
 *
 * The tests do not depend on how a provider works. A message may take a while, so every expected event is awaited with a
 * limit. Both ends share one event loop, so no test spins for the other end without yielding.
 */

import { atomics } from "./atomics.ts";
import { closing } from "./closing.ts";
import { completions } from "./completions.ts";
import { connecting } from "./connecting.ts";
import { failing } from "./failing.ts";
import { memory } from "./memory.ts";
import { messages } from "./messages.ts";
import { oneSided } from "./one_sided.ts";
import type { ConformanceOptions } from "./options.ts";
import type { Open } from "./pair.ts";
import { peerDeath } from "./peer_death.ts";
import { refused } from "./refused.ts";
import { sharing } from "./sharing.ts";
import { waking } from "./waking.ts";
import { wakingAcross } from "./waking_across.ts";

/** Registers the suite for one provider. */
export function conformance(name: string, open: Open, options: ConformanceOptions): void {
  connecting(name, open);
  refused(name, open);
  messages(name, open);
  oneSided(name, open);
  atomics(name, open);
  completions(name, open);
  failing(name, open);
  closing(name, open);
  memory(name, open, options);
  sharing(name, open);
  waking(name, open);
  wakingAcross(name, open, options);
  peerDeath(name, open, options);
}
