/** Errors that callers of the machine may catch. */

/** The machine did not boot. */
export class BootError extends Error {
  override readonly name: string = "BootError";
}

/** The machine did not boot in time, and was ended. */
export class BootTimeoutError extends BootError {}

/** The machine has ended, with all of its commands. */
export class MachineEndedError extends Error {
  override readonly name = "MachineEndedError";
}

/** A command exceeded its time limit and was killed. */
export class CommandTimeoutError extends Error {
  override readonly name = "CommandTimeoutError";
}
