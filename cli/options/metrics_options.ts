/** The options of both managers for metrics. */

import type { Command } from "commander";
import type { MetricsOptions } from "../../manager/metrics/metrics_endpoint.ts";
import type { EffectiveSettings } from "../config/effective_settings.ts";
import type { Section } from "../config/settings.ts";
import { readTokenFile } from "./token.ts";

export function addMetricsOptions(command: Command): Command {
  return command
    .option(
      "--metrics-listen <url>",
      "Address to serve metrics at, for Prometheus: http://HOST:PORT or unix:/PATH (default: none)",
    )
    .option(
      "--metrics-token-file <file>",
      "File with the token that a request for metrics needs (default: it needs none)",
    );
}

/** @throws {TypeError} If a setting is wrong, or the file cannot be read. */
export async function metricsOf(
  settings: EffectiveSettings,
  section: Section,
): Promise<{ metrics?: MetricsOptions }> {
  const listen = settings.get(`${section}.metrics.listen`);
  const file = settings.get(`${section}.metrics.tokenFile`);
  if (listen === undefined) {
    if (file === undefined) return {};
    throw new TypeError("Cannot serve metrics: --metrics-token-file needs --metrics-listen");
  }
  return {
    metrics: { listen, ...(file === undefined ? {} : { token: await readTokenFile(file) }) },
  };
}

/** The line that a manager prints. */
export function metricsText(url: string): string {
  return url.startsWith("unix:")
    ? `Metrics are served on ${url}, at the path /metrics`
    : `Metrics are at ${url}/metrics`;
}
