/** Entities and their characters. */

import { assertEquals } from "@std/assert";
import { escape, unescape } from "@std/html";

Deno.test("`escape()` replaces the five characters that HTML reads", () => {
  assertEquals(
    escape(`<a href="x">'&'</a>`),
    "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;",
  );
});

Deno.test("`unescape()` replaces named and numbered entities, once", () => {
  assertEquals(unescape("&lt;&gt;&quot;&apos;&#39;&#x41;&nbsp;"), `<>"''A\xa0`);
  assertEquals(unescape("&amp;lt;"), "&lt;");
  assertEquals(unescape("&lt;&x;", { entityList: { "&x;": "y" } }), "&lt;y");
});
