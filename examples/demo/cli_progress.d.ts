/** The look of a bar. */
export interface BarOptions {
  /** The line. Names in braces stand for the state of the bar or for the payload. */
  format: string;
  barCompleteChar: string;
  barIncompleteChar: string;
  /** In characters. */
  barsize: number;
  hideCursor: boolean;
  /** Maximum redraws per second. */
  fps: number;
}

/** Draws to standard error, if it is a terminal. */
declare class SingleBar {
  constructor(options: BarOptions);
  start(total: number, value: number, payload: Record<string, string>): void;
  update(value: number, payload: Record<string, string>): void;
  stop(): void;
}

declare const cliProgress: { SingleBar: typeof SingleBar };
export default cliProgress;
