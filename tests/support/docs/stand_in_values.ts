/** The values that the pages use and do not show. */

export const bytes = new Uint8Array(64);
export const input = new Uint8Array(64);
export const photo = new Uint8Array(1000);
export const photos = [photo, photo];
export const values = new Float64Array(1000);
export const functions = "functions.ts";

/** Stands for the app's own work. */
export function work(): void {}
/** Stands for what the app does with a result. */
export function use(_value: unknown): void {}
