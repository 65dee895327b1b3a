import { freePorts } from "../free_ports.ts";

/** Variables that a user's shell may have, and that no child of rfaas may receive. */
export const HOSTILE_ENVIRONMENT = {
  DENO_SERVE_ADDRESS: "tcp:127.0.0.1:1", // no process may listen there
  LD_LIBRARY_PATH: "/nowhere", // Deno starts no child with it under --allow-run=PROGRAM
  NODE_OPTIONS: "--inspect=127.0.0.1:", // the test adds a port, at which one process can listen
  FORCE_COLOR: "1",
  OTEL_DENO: "true", // sends traces
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
} as const;

/** {@linkcode HOSTILE_ENVIRONMENT}, with a port that is free. */
export function hostileEnvironment(): Record<string, string> {
  const [port] = freePorts(1);
  return {
    ...HOSTILE_ENVIRONMENT,
    NODE_OPTIONS: `${HOSTILE_ENVIRONMENT.NODE_OPTIONS}${port}`,
  };
}
