/**
 * Counts the changes that make one text of another: characters that are inserted, removed or replaced.
 *
 * @param str1 a text.
 * @param str2 another text.
 * @returns the least number of changes.
 */
export function levenshteinDistance(str1: string, str2: string): number;
