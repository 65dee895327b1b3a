/** What callers of the machine may want to catch. */

/** The machine did not come up. */
export class BootError extends Error {
  override readonly name = "BootError";
}

/** The machine has ended, and with it whatever ran there. */
export class MachineEndedError extends Error {
  override readonly name = "MachineEndedError";
}

/** A command took longer than it was given, and was killed. */
export class CommandTimeoutError extends Error {
  override readonly name = "CommandTimeoutError";
}
