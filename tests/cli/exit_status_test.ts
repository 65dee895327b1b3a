import { assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";

/** Usage errors, and their messages. */
const USAGE: [string[], RegExp][] = [
  [[], /Usage: rfaas/],
  [["nothing"], /unknown command 'nothing'/],
  [["nodes", "--nothing"], /unknown option '--nothing'[^]*Try: rfaas nodes --help/],
  [["nodes", "extra"], /too many arguments/],
  [["invoke", "--functions", "f.ts"], /missing required argument 'function'/],
  [["invoke", "echo"], /required option '--functions <file>' not specified/],
  [["invoke", "echo", "--functions", "f.ts", "--deadline-ms", "0"], /Expected a number above 0/],
  [["up", "--cores", "none"], /'none' is invalid[^]*Expected an integer of at least 1/],
  [["up", "--cores", "0"], /'0' is invalid/],
  [["up", "--memory", "much"], /'much' is invalid[^]*size/],
  [["executor-manager", "--oversubscription", "much"], /'much' is invalid[^]*Expected a number/],
  [["config", "show", "up", "--cores", "0"], /^rfaas: option '--cores <number>' argument '0'/],
  [["nodes", "--log-level", "loud"], /Allowed choices are/],
  [["demo", "--", "--nothing"], /unknown option '--nothing'/],
];

for (const [args, message] of USAGE) {
  Deno.test(`rfaas ${args.join(" ")}: exit status 2`, async () => {
    const { code, stdout, stderr } = await rfaas(args);
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertMatch(stderr, message);
  });
}

/** Failures, and the one line that states why. */
const FAILURES: [string[], RegExp][] = [
  [["nodes"], /^rfaas: Cannot find a resource manager: run `rfaas up`/],
  [["invoke", "echo", "--functions", "f.ts"], /^rfaas: Cannot find a resource manager/],
  [["leases", "--manager", "http://127.0.0.1:1"], /^rfaas: Cannot authenticate: no token/],
  [
    ["leases", "--manager", "http://127.0.0.1:1", "--token-file", "/nowhere"],
    /token file \/nowhere/,
  ],
  [
    ["leases", "--manager", "http://127.0.0.1:1", "--token-file", "/proc/self/comm"],
    /127.0.0.1:1\b/,
  ],
  [
    [
      ...["invoke", "echo", "--functions", "f.ts", "--input", "/nowhere"],
      ...["--manager", "http://127.0.0.1:1", "--token-file", "/proc/self/comm"],
    ],
    /^rfaas: Cannot read --input \/nowhere: No such file/,
  ],
  [["executor-manager"], /^rfaas: Cannot lend this host: use --manager/],
  [["resource-manager", "--listen", "nonsense", "--state", "STATE"], /listen at "nonsense"/],
  [["resource-manager", "--state", "/proc/nowhere"], /Cannot create state folder/],
  [["demo", "--photos", "/nowhere"], /^rfaas: Cannot read photographs: no folder \/nowhere/],
];

for (const [args, message] of FAILURES) {
  Deno.test(`rfaas ${args.join(" ")}: exit status 1 and one line`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    try {
      const { code, stdout, stderr } = await rfaas(
        args.map((arg) => arg.replace("STATE", folder)),
      );
      assertEquals({ code, stdout }, { code: 1, stdout: "" });
      assertMatch(stderr, message);
      assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
