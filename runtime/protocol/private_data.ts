/** Private data as it arrives: a network may pad it with zeros to a length of its own (man rdma_get_cm_event). */

/** Does it hold a message of `length` bytes, with nothing but zeros after it? */
export function holdsMessage(data: Uint8Array, length: number): boolean {
  if (data.length < length) return false;
  for (let i = length; i < data.length; i++) if (data[i] !== 0) return false;
  return true;
}

/** The text with which a listener refused, without its padding; empty if it gave none. */
export function refusalText(data: Uint8Array): string {
  const end = data.findLastIndex((byte) => byte !== 0) + 1;
  return new TextDecoder().decode(data.subarray(0, end));
}
