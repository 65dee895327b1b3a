/** A version. */
export interface SemVer {
  major: number;
  minor: number;
  patch: number;
  prerelease?: (string | number)[];
  build?: string[];
}

/** Whether the first version is the second one or a later one. */
export function greaterOrEqual(version1: SemVer, version2: SemVer): boolean;

/**
 * Parses a version such as `1.2.3-rc.1`; a `v` before it is fine.
 *
 * @throws {TypeError} If `value` is no version.
 */
export function parse(value: string): SemVer;
