/** The colors: those of the system, or the ones that were chosen. */

/** @typedef {"auto" | "light" | "dark"} Theme */

const KEY = "rfaas-theme";
/** @type {readonly Theme[]} */
const THEMES = ["auto", "light", "dark"];
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
systemIsDark.addEventListener("change", () => applyTheme());

/** @returns {Theme} */
export function currentTheme() {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === kept) ?? "auto";
  } catch {
    return "auto";
  }
}

/** Chooses the next theme. @returns {Theme} */
export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length] ?? "auto";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // The choice lasts as long as the page.
  }
  applyTheme(next);
  return next;
}

/** @param {Theme} [theme] */
export function applyTheme(theme = currentTheme()) {
  const shown = theme !== "auto" ? theme : systemIsDark.matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = shown;
}
