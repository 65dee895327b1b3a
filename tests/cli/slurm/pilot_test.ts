import { assertEquals, assertMatch } from "@std/assert";
import { pilotCommandLine, shellQuoted } from "../../../cli/slurm/pilot.ts";
import { rfaas } from "../../support/cluster/rfaas_command.ts";

/** Runs text in a shell. @returns what it prints. */
async function shell(text: string, env: Record<string, string> = {}): Promise<string> {
  const command = new Deno.Command("sh", { args: ["-c", text], env });
  return new TextDecoder().decode((await command.output()).stdout);
}

Deno.test("`shellQuoted()` keeps each text one word, as it is", async () => {
  for (const text of ["plain-1", "", "a b", "it's", '$HOME `x` "y" \\', "*", "a\nb"]) {
    assertEquals(await shell(`printf %s ${shellQuoted(text)}`), text);
  }
});

const PILOT = {
  program: ["printf", "<%s>"],
  manager: "http://10.0.0.1:7400",
  tokenFile: "/etc/rfaas/it's a token",
  graceSeconds: 7,
};

/** Runs what a job would, with `srun` replaced. @returns the arguments of the executor manager. */
async function step(flags: readonly string[], env: Record<string, string>): Promise<string> {
  const wrapped = pilotCommandLine(PILOT, flags, {}).at(-1)!.replace(/^--wrap=exec /, "");
  return await shell(`srun() { while [ "$1" != /bin/sh ]; do shift; done; "$@"; }; ${wrapped}`, {
    SLURMD_NODENAME: "n1",
    SLURM_CPUS_ON_NODE: "8",
    SLURM_JOB_ID: "42",
    ...env,
  });
}

Deno.test("`pilotCommandLine()` runs the executor manager with what Slurm gives its job", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const run = async (flags: readonly string[], env: Record<string, string> = {}) =>
    (await step(flags, { TMPDIR: folder, ...env }))
      .replace(/^<executor-manager>.*<--drain-seconds><7>/, "")
      .replace(/rfaas-42\.\w{8}/, "FOLDER");
  const rest = (name: string) =>
    `<--cores><8><--state><${folder}/FOLDER/state><--remove-state><--name><${name}>`;
  try {
    assertMatch(
      await step([], { TMPDIR: folder }),
      /^<executor-manager><--manager><http:\/\/10.0.0.1:7400><--token-file><\/etc\/rfaas\/it's a token>/,
    );
    assertEquals(await run(["--exclusive"]), rest("n1"));
    assertEquals(await run([]), rest("n1-42"), "other pilot jobs may be on the node");
    const memory = (mib: number) => `<--memory><${mib}MiB>${rest("n1-42")}`;
    assertEquals(await run([], { SLURM_MEM_PER_NODE: "1000" }), memory(800));
    assertEquals(await run([], { SLURM_MEM_PER_CPU: "100" }), memory(640));
    assertEquals(await run([], { SLURM_MEM_PER_NODE: "0" }), rest("n1-42"), "all of it");
    const elsewhere = /\/tmp\/rfaas-42\.\w{8}/.exec(await step([], { TMPDIR: `${folder}/none` }));
    await Deno.remove(elsewhere![0]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("`pilotCommandLine()` submits without the variables of the job that submits", () => {
  const start = (variables: Record<string, string>) =>
    pilotCommandLine(PILOT, [], variables).slice(0, 4).join(" ");
  const job = { SLURM_JOB_ID: "1", SLURM_MEM_PER_CPU: "100", SLURM_CONF: "/c", HOME: "/" };
  assertEquals(
    start(job),
    "env --unset=SLURM_JOB_ID --unset=SLURM_MEM_PER_CPU sbatch",
  );
  assertMatch(start({ SLURM_HINT: "nomultithread" }), /^sbatch --job-name=rfaas /);
});

Deno.test("rfaas slurm pilot --dry-run prints the command, and names what is missing", async () => {
  const flags = ["slurm", "pilot", "--dry-run", "--token-file", "/t", "--manager", "http://m:1"];
  const { stdout } = await rfaas([...flags, "--", "--partition=idle", "--array=1-4"]);
  assertMatch(
    stdout,
    /^sbatch --job-name=rfaas --requeue .* --partition=idle --array=1-4 '--wrap=/,
  );
  const without = await rfaas(["slurm", "pilot", "--manager", "http://m:1"]);
  assertEquals(without.code, 2);
  assertMatch(without.stderr, /required option '--token-file <file>' not specified/);
});

Deno.test("rfaas slurm pilot shows what sbatch prints, and ends with an error if it does", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const submit = async (script: string) => {
      const options = { mode: 0o755 };
      await Deno.writeTextFile(`${folder}/sbatch`, `#!/bin/sh\n${script}\n`, options);
      return await rfaas(["slurm", "pilot", "--token-file", "/t", "--manager", "http://m:1"], {
        env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
      });
    };
    assertEquals(await submit("echo Submitted batch job 7; echo your account ends soon >&2"), {
      code: 0,
      stdout: "Submitted batch job 7\n",
      stderr: "your account ends soon\n",
    });
    const refused = await submit("echo 'sbatch: error: no such partition' >&2; exit 3");
    assertEquals(refused.code, 1);
    assertMatch(
      refused.stderr,
      /^sbatch: error: no such partition\n.*Cannot submit the pilot job: sbatch ended with 3\n$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
