/** What the networks of the model do, without the packages that do it. */

/** What a network is given, or returns: 32-bit floats and their dimensions. */
export interface Floats {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Both networks, loaded. */
export interface Model {
  /** By class: 0 is the blank, the last one a space. */
  readonly characters: readonly string[];
  detect(picture: Floats): Promise<Floats>;
  recognize(line: Floats): Promise<Floats>;
  close(): Promise<void>;
}
