/** Addresses of resource managers on their way to a message: they may hold secrets. */

/** How tokens begin. */
const TOKEN = /^\s*rfaas_/;

/** Replaces the user name and password of an address. A token that was given as an address is not shown at all. */
export function shownUrl(url: string): string {
  if (TOKEN.test(url)) return "a token";
  return url.replaceAll(/\/\/[^/?#]*@/g, "//***@");
}
