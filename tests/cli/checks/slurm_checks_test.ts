import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkSlurm } from "../../../cli/checks/slurm_checks.ts";

/** A node that is set up, in a folder; `change` breaks something. */
async function check(
  change: {
    config?: Record<string, string>;
    modes?: Record<string, number>;
    settings?: string;
    missing?: string;
    programs?: readonly string[];
  },
): Promise<Record<string, string>> {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const write = async (path: string, mode: number, text: string) => {
      await Deno.writeTextFile(`${dir}/${path}`, text);
      await Deno.chmod(`${dir}/${path}`, change.modes?.[path] ?? mode);
    };
    for (const folder of ["prolog.d", "epilog.d"]) {
      await Deno.mkdir(`${dir}/${folder}`);
      await write(`${folder}/50-rfaas`, 0o755, "#!/bin/sh\n");
    }
    await write("token", 0o600, "secret");
    await write("slurm.env", 0o600, change.settings ?? `RFAAS_TOKEN_FILE="${dir}/token"\n`);
    if (change.missing !== undefined) await Deno.remove(`${dir}/${change.missing}`);
    const values: Record<string, string> = {
      Epilog: `${dir}/epilog.d/*`,
      Prolog: `${dir}/prolog.d/*`,
      PrologEpilogTimeout: "65534",
      PrologFlags: "Alloc,Contain",
      SLURM_VERSION: "22.05.8",
      SuspendExcNodes: "(null)",
      SuspendProgram: "(null)",
      SuspendTime: "INFINITE",
      ...change.config,
    };
    const lines = Object.entries(values).map(([name, value]) => `${name.padEnd(24)}= ${value}`);
    const config = () => Promise.resolve(`Configuration data as of 2026\n${lines.join("\n")}\n`);
    const programs = change.programs ?? ["curl", "find", "flock"];
    const has = (program: string) => Promise.resolve(programs.includes(program));
    const checks = await checkSlurm({ config, settings: `${dir}/slurm.env`, has });
    return Object.fromEntries(
      checks.filter(({ ok }) => !ok)
        .map(({ name, kind, found }) => [name, `${kind}: ${found.replaceAll(dir, "")}`]),
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("`checkSlurm()` accepts a node that is set up", async () => {
  assertEquals(await check({}), {});
});

Deno.test("`checkSlurm()` finds what would let a job start beside leases", async () => {
  assertEquals(await check({ config: { PrologFlags: "(null)" } }), {
    PrologFlags: "required: (null)",
  });
  assertEquals(await check({ config: { Prolog: "/usr/local/sbin/prolog" } }), {
    Prolog: "required: /usr/local/sbin/prolog",
  });
  assertEquals(await check({ config: { Epilog: "/no/such/*" } }), {
    Epilog: "required: /no/such cannot be read",
  });
  assertEquals(await check({ modes: { "prolog.d/50-rfaas": 0o644 } }), {
    Prolog: "required: /prolog.d/50-rfaas, which is not executable",
  });
  assertEquals(await check({ config: { PrologEpilogTimeout: "4" } }), {
    PrologEpilogTimeout: "required: 4",
  });
});

Deno.test("`checkSlurm()` finds open files, dry runs, power saving and untested versions", async () => {
  for (const [file, kind] of [["token", "token"], ["slurm.env", "settings"]] as const) {
    const found = await check({ modes: { [file]: 0o644 } });
    const text = `required: Cannot use ${kind} file /${file}: its mode 0644 opens it`;
    assertStringIncludes(found["hook settings"]!, text);
  }
  assertEquals(await check({ missing: "slurm.env" }), {
    "hook settings": "required: Cannot read settings file /slurm.env",
  });
  assertEquals(await check({ missing: "token" }), {
    "hook settings": "required: Cannot read token file /token",
  });
  assertEquals(await check({ settings: "RFAAS=rfaas\n" }), {
    "hook settings": "required: /slurm.env: no token file",
  });
  const saving = { SuspendProgram: "/usr/sbin/off", SuspendTime: "600 sec" };
  assertEquals(await check({ config: saving }), {
    "power saving": "optional: idle nodes are switched off after 600 sec",
  });
  assertEquals(await check({ config: { ...saving, SuspendExcNodes: "n[1-4]" } }), {});
  assertEquals(await check({ config: { SLURM_VERSION: "20.11.9" } }), {
    Slurm: "optional: version 20.11.9",
  });
});

Deno.test("`checkSlurm()` reports a host without Slurm", async () => {
  const config = () => Promise.reject(new Error("Cannot read it"));
  const [found, ...others] = await checkSlurm({
    config,
    settings: "/no",
    has: () => Promise.resolve(false),
  });
  assertEquals([found?.ok, found?.found, others.length], [false, "Cannot read it", 0]);
});

Deno.test("`checkSlurm()` finds what delays jobs", async () => {
  assertEquals(await check({ programs: ["find"] }), {
    "Prolog request": "optional: no curl, flock",
  });
});
