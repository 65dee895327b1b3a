/** The settings in force: flag over environment over file over default. */

import * as v from "../../runtime/valibot.ts";
import { faultText, readConfigFile } from "./config_file.ts";
import type { Setting } from "./setting.ts";
import { type Section, type SettingPath, SETTINGS, type SettingValue } from "./settings.ts";

/** Where a value came from: `flag --cores`, `environment RFAAS_…`, `file …`, `default`, or `not set`. */
export type Origin = string;

export interface SettingsSource {
  /** The options that the command was given, as commander names them. */
  readonly flags: object;
  /** The sections that the flags are for. */
  readonly sections: readonly Section[];
  /** The configuration file. @default RFAAS_CONFIG, else none */
  readonly config?: string | undefined;
  /** Defaults of the command, in place of those in the table. */
  readonly standards?: { readonly [P in SettingPath]?: SettingValue<P> };
}

/** The values of one start of a command. */
export class EffectiveSettings {
  /** The configuration file, where there is one. */
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

  /** @throws {TypeError} if the file can't be used; the message names the fields. */
  static async load(source: SettingsSource): Promise<EffectiveSettings> {
    const file = source.config ?? (Deno.env.get("RFAAS_CONFIG") || undefined);
    return new EffectiveSettings(source, file, file ? await readConfigFile(file) : new Map());
  }

  /** The value in force, or undefined if nobody sets it. @throws {TypeError} that names where a wrong one stands. */
  get<P extends SettingPath>(path: P): SettingValue<P> | undefined {
    return this.find(path).value;
  }

  /** The value of a setting that has a default. */
  require<P extends SettingPath>(path: P): SettingValue<P> {
    const { value } = this.find(path);
    if (value === undefined) throw new TypeError(`Cannot go on: setting ${path} is not set`);
    return value;
  }

  /** The value and where it came from. */
  find<P extends SettingPath>(path: P): { value: SettingValue<P> | undefined; from: Origin } {
    const setting: Setting = SETTINGS[path];
    const [given, from] = this.#given(path, setting);
    if (given === undefined) return { value: undefined, from };
    const value = from.startsWith("environment ")
      ? readVariable(setting, given as string)
      : v.safeParse(setting.schema, given);
    if (!value.success) {
      const fault = faultText(value.issues[0]).replace(/^the file: /, "");
      throw new TypeError(`Cannot use setting ${path} from ${from}: ${fault}`);
    }
    return { value: value.output as SettingValue<P>, from };
  }

  #given(path: SettingPath, setting: Setting): [unknown, Origin] {
    const { flags, sections, standards } = this.#source;
    if (setting.flag !== undefined && sections.some((name) => path.startsWith(`${name}.`))) {
      const flag = (flags as Record<string, unknown>)[attributeOf(setting.flag)];
      if (flag !== undefined) return [flag, `flag ${setting.flag}`];
    }
    const variable = variableOf(path);
    const text = Deno.env.get(variable);
    if (text) return [text, `environment ${variable}`];
    if (this.#inFile.has(path)) return [this.#inFile.get(path), `file ${this.file}`];
    if (standards && path in standards) return [standards[path], "default"];
    const { standard } = setting;
    if (standard === undefined) return [undefined, "not set"];
    return [typeof standard === "function" ? standard() : standard, "default"];
  }
}

/** The variable of a setting: `resourceManager.quota.workers` is RFAAS_RESOURCE_MANAGER_QUOTA_WORKERS. */
export function variableOf(path: SettingPath): string {
  const setting: Setting = SETTINGS[path];
  const words = path.replaceAll(".", "_").replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
  return setting.variable ?? `RFAAS_${words.toUpperCase()}`;
}

/** A variable holds the text itself, or JSON, or the texts of a list with spaces between. */
function readVariable({ schema }: Setting, text: string) {
  const plain = v.safeParse(schema, text);
  if (plain.success) return plain;
  try {
    return v.safeParse(schema, JSON.parse(text));
  } catch {
    const list = v.safeParse(schema, text.trim().split(/\s+/));
    return list.success ? list : plain;
  }
}

/** As commander names the value of an option. */
function attributeOf(flag: string): string {
  return flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
