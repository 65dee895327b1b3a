/** Memory that one thread of this process has mapped and another one reads, by its address. */

/** The address of a buffer. */
export function addressOf(buffer: ArrayBuffer): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer)));
}

/** `length` bytes at an address. They must stay mapped for as long as the buffer is in use. */
export function memoryAt(address: number, length: number): ArrayBuffer {
  const pointer = Deno.UnsafePointer.create(BigInt(address));
  if (pointer === null) throw new TypeError("Cannot read memory: its address is 0");
  return new Deno.UnsafePointerView(pointer).getArrayBuffer(length);
}
