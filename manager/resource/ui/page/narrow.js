/** Whether the window is narrow, as that of a phone, for what style sheets cannot change. */
import { useEffect, useState } from "./html.js";

/** The width is that of narrow.css. */
const NARROW = matchMedia("(max-width: 720px)");

/** Whether it is, as of now: a component with this is drawn again when it changes. */
export function useNarrow() {
  const [isNarrow, setIsNarrow] = useState(NARROW.matches);
  useEffect(() => {
    const change = () => setIsNarrow(NARROW.matches);
    NARROW.addEventListener("change", change);
    return () => NARROW.removeEventListener("change", change);
  }, []);
  return isNarrow;
}
