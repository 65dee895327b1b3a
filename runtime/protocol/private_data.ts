/** Private data as it arrives: a network may pad it with zeros (man rdma_get_cm_event). */

/** Whether it holds a message of `length` bytes, and only zeros after that. */
export function holdsMessage(data: Uint8Array, length: number): boolean {
  if (data.length < length) return false;
  for (let i = length; i < data.length; i++) if (data[i] !== 0) return false;
  return true;
}

/** The text of a listener's rejection, without its padding; empty if there is none. */
export function refusalText(data: Uint8Array): string {
  const end = data.findLastIndex((byte) => byte !== 0) + 1;
  return new TextDecoder().decode(data.subarray(0, end));
}
