/** The property of a typed function that holds its codecs' names, for the executor that loads it. */

/** A registered symbol: the package's bundle brings its own copy of this file. */
export const SIGNATURE: unique symbol = Symbol.for("rfaas.function");
