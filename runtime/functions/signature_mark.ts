/** The mark that a typed function bears, by which the executor that loads it knows its codecs. */

/** Known everywhere under this name: the package brings a copy of this file of its own. */
export const SIGNATURE: unique symbol = Symbol.for("rfaas.function");
