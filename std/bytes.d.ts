/** Copies byte arrays, one after the other, into a new one. */
export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer>;
