import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Arch, sharedObject } from "../../ffi/elf.ts";
import { exportedFunctions } from "../../ffi/elf_functions.ts";
import { compile, compilerNeeded, rfaasFunction } from "../support/functions/compiler.ts";

const arch = Deno.build.arch as Arch;
const other: Arch = arch === "x86_64" ? "aarch64" : "x86_64";
const code = Uint8Array.of(0xc3);
const written = sharedObject({ second: code, first: code }, arch);

/** The library with one byte changed. */
function changed(at: number, to: number, library = written): Uint8Array<ArrayBuffer> {
  const copy = library.slice();
  copy[at] = to;
  return copy;
}

Deno.test("`exportedFunctions()` reads a library with DT_HASH and no section headers", () => {
  assertEquals(exportedFunctions(written, arch), ["first", "second"]);
  assertEquals(exportedFunctions(sharedObject({}, arch), arch), []);
});

Deno.test("`exportedFunctions()` refuses a file that is not a library for this node, with the reason", () => {
  const refused = (library: Uint8Array<ArrayBuffer>, message: string) =>
    assertThrows(() => exportedFunctions(library, arch), TypeError, message);
  assertThrows(() => exportedFunctions(written, other), TypeError, `for ${arch} (ELF machine`);
  refused(changed(4, 1), "for 32 bits, little endian; this node has");
  refused(changed(5, 2), "for 64 bits, big endian; this node has");
  refused(changed(18, 99), "for another processor (ELF machine 99)");
  refused(changed(16, 1), "has type 1 and is not a shared library: link it with -shared");
  refused(changed(54, 0), "its program headers");
  refused(changed(56, 1), "it has no dynamic section");
  refused(changed(64 + 2 * 56 + 8 + 5, 1), "are missing"); // the offset of the dynamic section
});

Deno.test({
  name: "`exportedFunctions()` returns functions with C names, sorted" + compilerNeeded,
  ignore: compilerNeeded !== "",
}, async () => {
  const c = await compile(
    rfaasFunction("zeta", "return 0;") + rfaasFunction("alpha", "return zeta(in, size, out);") +
      "static int hidden(void) { return 1; }\nint data = 3;\n" +
      '__attribute__((visibility("hidden"))) int alsoHidden(void) { return hidden(); }\n',
  );
  assertEquals(exportedFunctions(c, arch), ["alpha", "zeta"]);
  for (const style of ["sysv", "gnu", "both"]) {
    const library = await compile(rfaasFunction("f", "return 0;"), {
      flags: ["-shared", `-Wl,--hash-style=${style}`],
    });
    assertEquals(exportedFunctions(library, arch), ["f"], style);
  }
  const cpp = await compile(
    `#include <cstdint>
       #include <string>
       #include <vector>
       extern "C" uint32_t f(void *, uint32_t size, void *) {
         std::vector<std::string> v(size);
         return v.size();
       }
       int mangled(std::string s) { return s.size(); }`,
    { language: "c++" },
  );
  assertEquals(exportedFunctions(cpp, arch), ["f"]);
  const object = await compile(rfaasFunction("f", "return 0;"), { flags: ["-c"] });
  assertThrows(() => exportedFunctions(object, arch), TypeError, "link it with -shared");
  const none = await compile("int data = 3;");
  assertEquals(exportedFunctions(none, arch), []);
});

Deno.test({
  name: "`exportedFunctions()` survives truncated and changed files" + compilerNeeded,
  ignore: compilerNeeded !== "",
}, async () => {
  const library = await compile(rfaasFunction("f", "return 0;"));
  const whole = exportedFunctions(library, arch);
  for (let length = 0; length < library.length; length += 1 + (length >> 4)) {
    const cut = library.slice(0, length);
    // Section headers at the end are not loaded, so the functions may still be found.
    try {
      assertEquals(exportedFunctions(cut, arch), whole);
    } catch (error) {
      assert(
        error instanceof TypeError && error.message.startsWith("Cannot serve"),
        `${error}`,
      );
    }
  }
  // Truncated in its data, after all that is read here: a mapping past the end of the file would end the process.
  const large = await compile(rfaasFunction("f", "return 0;") + "int data[10000] = {1};");
  assertThrows(() => exportedFunctions(large.slice(0, -25_000), arch), TypeError, "are missing");
  for (let at = 4; at < 0x400; at++) {
    for (const to of [0, 0x7f, 0xff]) {
      try {
        exportedFunctions(changed(at, to, library), arch);
      } catch (error) {
        assert(error instanceof TypeError, `byte ${at} = ${to}: ${error}`);
      }
    }
  }
});
