/** Opens the verbs fabric, connects to itself, and prints the outcome in one line. */

import { FabricError } from "../../../fabric/errors.ts";
import { openVerbs } from "../../../fabric/verbs/provider.ts";

try {
  await using fabric = openVerbs();
  using listener = await fabric.listen();
  const connecting = fabric.connect(listener.address, { arenaBytes: 1 << 20 });
  listener.accept().then((request) => request?.reject());
  using _connection = await connecting;
  console.log("connected");
} catch (error) {
  const { name, message } = error as Error;
  console.log(`${error instanceof FabricError ? error.code : name}: ${message}`);
}
