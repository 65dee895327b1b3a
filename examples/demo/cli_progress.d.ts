/** How a bar looks and where it is drawn. */
export interface BarOptions {
  /** The line; names in braces are replaced by the bar's state or by the payload. */
  format: string;
  barCompleteChar: string;
  barIncompleteChar: string;
  /** In characters. */
  barsize: number;
  hideCursor: boolean;
  /** At most so many redraws a second. */
  fps: number;
}

/** Draws to standard error, and nothing at all if that is not a terminal. */
declare class SingleBar {
  constructor(options: BarOptions);
  start(total: number, value: number, payload: Record<string, string>): void;
  update(value: number, payload: Record<string, string>): void;
  stop(): void;
}

declare const cliProgress: { SingleBar: typeof SingleBar };
export default cliProgress;
