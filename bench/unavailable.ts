/** This host lacks a program or a device that a measurement needs. The measurement is skipped, without a failure. */
export class UnavailableError extends Error {
  override name = "UnavailableError";
}
