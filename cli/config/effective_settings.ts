/** The settings in effect: a flag wins over the environment, the environment over the file, the file over the default. */

import * as v from "../../runtime/valibot.ts";
import { faultText, readConfigFile } from "./config_file.ts";
import type { Setting } from "./setting.ts";
import { type Section, type SettingPath, SETTINGS, type SettingValue } from "./settings.ts";

/** Where a value comes from: `flag --cores`, `environment RFAAS_…`, `file …`, `default`, or `not set`. */
export type Origin = string;

export interface SettingsSource {
  /** The options of the command, as commander names them. */
  readonly flags: object;
  /** The sections that the flags apply to. */
  readonly sections: readonly Section[];
  /** The configuration file. @default RFAAS_CONFIG, else none */
  readonly config?: string | undefined;
  /** Whether the variables of this process apply: not to a service. @default true */
  readonly environment?: boolean;
  /** Defaults of the command, which replace those in the table. */
  readonly defaults?: { readonly [P in SettingPath]?: SettingValue<P> };
}

/** The settings of one run of a command. */
export class EffectiveSettings {
  /** The configuration file, if there is one. */
  readonly file: string | undefined;
  readonly #source: SettingsSource;
  readonly #inFile: ReadonlyMap<string, unknown>;

  private constructor(
    source: SettingsSource,
    file: string | undefined,
    inFile: ReadonlyMap<string, unknown>,
  ) {
    this.#source = source;
    this.file = file;
    this.#inFile = inFile;
  }

  /** @throws {TypeError} If the file cannot be used; the message has the wrong fields. */
  static async load(source: SettingsSource): Promise<EffectiveSettings> {
    const variable = source.environment === false ? undefined : Deno.env.get("RFAAS_CONFIG");
    const file = source.config ?? (variable || undefined);
    return new EffectiveSettings(source, file, file ? await readConfigFile(file) : new Map());
  }

  /**
   * Returns the value in effect, or undefined if the setting is not set.
   *
   * @throws {TypeError} If the value is wrong; the message has its origin.
   */
  get<P extends SettingPath>(path: P): SettingValue<P> | undefined {
    return this.find(path).value;
  }

  /** Returns the value of a setting that has a default. */
  require<P extends SettingPath>(path: P): SettingValue<P> {
    const { value } = this.find(path);
    if (value === undefined) throw new TypeError(`Cannot continue: setting ${path} is not set`);
    return value;
  }

  /** Whether a flag, a variable or the file sets it. */
  isSet(path: SettingPath): boolean {
    return this.#setValue(path, SETTINGS[path]) !== undefined;
  }

  /** Returns the value and its origin. */
  find<P extends SettingPath>(path: P): { value: SettingValue<P> | undefined; from: Origin } {
    const setting: Setting = SETTINGS[path];
    const [raw, from] = this.#rawValue(path, setting);
    if (raw === undefined) return { value: undefined, from };
    const result = from.startsWith("environment ")
      ? readVariable(setting, raw as string)
      : v.safeParse(setting.schema, raw);
    if (!result.success) {
      const fault = faultText(result.issues[0]).replace(/^the file: /, "");
      throw new TypeError(`Cannot use setting ${path} from ${from}: ${fault}`);
    }
    return { value: result.output as SettingValue<P>, from };
  }

  #rawValue(path: SettingPath, setting: Setting): [unknown, Origin] {
    const set = this.#setValue(path, setting);
    if (set !== undefined) return set;
    const { defaults } = this.#source;
    if (defaults && path in defaults) return [defaults[path], "default"];
    if (setting.default === undefined) return [undefined, "not set"];
    return [typeof setting.default === "function" ? setting.default() : setting.default, "default"];
  }

  #setValue(path: SettingPath, setting: Setting): [unknown, Origin] | undefined {
    const { flags, sections, environment = true } = this.#source;
    if (setting.flag !== undefined && sections.some((name) => path.startsWith(`${name}.`))) {
      const flag = (flags as Record<string, unknown>)[attributeOf(setting.flag)];
      if (flag !== undefined) return [flag, `flag ${setting.flag}`];
    }
    const variable = variableOf(path);
    const text = environment ? Deno.env.get(variable) : undefined;
    if (text) return [text, `environment ${variable}`];
    return this.#inFile.has(path) ? [this.#inFile.get(path), `file ${this.file}`] : undefined;
  }
}

/** The variable of a setting: `resourceManager.quota.workers` is RFAAS_RESOURCE_MANAGER_QUOTA_WORKERS. */
export function variableOf(path: SettingPath): string {
  const setting: Setting = SETTINGS[path];
  const words = path.replaceAll(".", "_").replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  return setting.variable ?? `RFAAS_${words.toUpperCase()}`;
}

/** A variable holds a text, JSON, or a list of texts separated by spaces. */
function readVariable({ schema }: Setting, text: string) {
  const asText = v.safeParse(schema, text);
  if (asText.success) return asText;
  try {
    return v.safeParse(schema, JSON.parse(text));
  } catch {
    const asList = v.safeParse(schema, text.trim().split(/\s+/));
    return asList.success ? asList : asText;
  }
}

/** The name that commander gives to the value of an option. */
function attributeOf(flag: string): string {
  return flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
