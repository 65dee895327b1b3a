/** RDMA ports in the configuration, as `rfaas devices --json` prints them. */

import * as v from "../../runtime/valibot.ts";

/** The fields of a port that are read. Others are allowed and ignored. */
export const rdmaPort = v.looseObject({
  device: v.pipe(v.string(), v.minLength(1)),
  port: v.pipe(v.number(), v.integer(), v.minValue(1)),
  state: v.exactOptional(v.string()),
  address: v.exactOptional(v.pipe(v.string(), v.minLength(1))),
});

/**
 * Returns the address of the first port that is active and has one.
 *
 * @throws {TypeError} If there is none: a device that the configuration does not name is never used.
 */
export function deviceAddress(ports: readonly v.InferOutput<typeof rdmaPort>[]): string {
  const found = ports.find(({ state = "ACTIVE", address }) => state === "ACTIVE" && address);
  if (found?.address !== undefined) return found.address;
  const names = ports.map(({ device, port }) => `${device} port ${port}`).join(", ") || "none";
  throw new TypeError(
    `Cannot lend over RDMA: no port in executorManager.devices (${names}) is active and has an address`,
  );
}
