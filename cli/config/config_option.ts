/** The option `--config`, which all managers have. */

import { Option } from "commander";

export function configOption(): Option {
  return new Option("--config <file>", "the configuration, JSON (default: RFAAS_CONFIG)");
}
