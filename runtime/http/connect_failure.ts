/** Whether a request failed before it was sent, by the message of Deno 2.9.6. */
export function isNotConnected(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error && cause.message.includes("(Connect)");
}
