/** RDMA ports in the configuration, as `rfaas devices --json` prints them. */

import * as v from "../../runtime/valibot.ts";

/** What of a port is looked at; the rest may stand there and is left alone. */
export const rdmaPort = v.looseObject({
  device: v.pipe(v.string(), v.minLength(1)),
  port: v.pipe(v.number(), v.integer(), v.minValue(1)),
  state: v.exactOptional(v.string()),
  address: v.exactOptional(v.pipe(v.string(), v.minLength(1))),
});

/**
 * The address of the first port that is active and has one.
 *
 * @throws {TypeError} if there is none: who names devices wants one of them, and not another.
 */
export function deviceAddress(ports: readonly v.InferOutput<typeof rdmaPort>[]): string {
  const found = ports.find(({ state = "ACTIVE", address }) => state === "ACTIVE" && address);
  if (found?.address !== undefined) return found.address;
  const names = ports.map(({ device, port }) => `${device} port ${port}`).join(", ") || "none";
  throw new TypeError(
    `Cannot lend over RDMA: of executorManager.devices (${names}) no port is active and has an address`,
  );
}
