/** Options of {@linkcode TextLineStream}. */
export interface TextLineStreamOptions {
  /**
   * Whether a lone carriage return ends a line too.
   *
   * @default {false}
   */
  allowCR?: boolean;
}

/** Splits a stream of text into lines, without the LF or CRLF at their end. */
export class TextLineStream extends TransformStream<string, string> {
  constructor(options?: TextLineStreamOptions);
}
