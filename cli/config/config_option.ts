/** The option `--config`, which the commands of the managers have. */

import { Option } from "commander";

export function configOption(): Option {
  return new Option("--config <file>", "Configuration file, JSON (default: RFAAS_CONFIG)");
}
