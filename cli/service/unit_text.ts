/** The units of systemd for the managers of a host. */

/** The managers that run as services. */
export const SERVICES = ["resource-manager", "executor-manager"] as const;
export type ServiceName = typeof SERVICES[number];

/** The slice of the executor manager, whose executors then yield to other processes of the host. */
export const SLICE = "rfaas.slice";

/** The time without a report after which systemd restarts a service, in seconds: its event loop does not turn. */
const WATCHDOG_SECONDS = 60;
/** The first start on a host downloads packages. */
const START_SECONDS = 300;
/** The time to end after the leases have moved, in seconds. */
const END_SECONDS = 15;

export interface UnitOptions {
  readonly service: ServiceName;
  /** The program with its arguments. */
  readonly command: readonly string[];
  /** The user that the service runs as; undefined in a unit of the user's own service manager. */
  readonly user: string | undefined;
  /** The grace period of leases when the service is stopped, in seconds. */
  readonly drainSeconds: number;
  /** Folders that a resource manager writes, apart from its state folder below /var/lib. */
  readonly writes: readonly string[];
  /** Folders below /run, as paths there, in which it makes Unix sockets. */
  readonly runtime: readonly string[];
  /** Whether it listens at a port below 1024, which needs a capability. */
  readonly listensLow: boolean;
}

export function unitName(service: ServiceName): string {
  return `rfaas-${service}.service`;
}

/** The state folder of a service that the system starts: `%S` is /var/lib. */
export function stateFolder(service: ServiceName): string {
  return `%S/rfaas/${service}`;
}

/** Writes a unit. The reason of each setting is in docs/operations/services.md. */
export function unitText(options: UnitOptions): string {
  const { service, command, user, drainSeconds, runtime } = options;
  const isExecutor = service === "executor-manager";
  return section("Unit", {
    Description: `rfaas ${service.replace("-", " ")}`,
    Wants: "network-online.target",
    After: "network-online.target",
  }) + section("Service", {
    Type: "notify",
    ExecStart: command.map(quoted).join(" "),
    ...user === undefined ? {} : {
      User: user,
      // One for each user: systemd gives the folder to the user of the service that starts.
      Environment: `DENO_DIR=%C/rfaas/deno-${user}`,
      CacheDirectory: `rfaas/deno-${user}`,
      StateDirectory: `rfaas/${service}`,
      StateDirectoryMode: "0700",
      ...runtime.length === 0 ? {} : {
        RuntimeDirectory: runtime.map((path) => word(literal(path))).join(" "),
        RuntimeDirectoryPreserve: "yes", // the other service may have sockets there
      },
    },
    Restart: "on-failure",
    RestartSec: "5",
    WatchdogSec: `${WATCHDOG_SECONDS}`,
    TimeoutStartSec: `${START_SECONDS}`,
    TimeoutStopSec: `${(isExecutor ? drainSeconds : 0) + END_SECONDS}`,
    KillMode: "mixed",
    UMask: "0077",
    ...isExecutor ? executorSettings(user) : user === undefined ? {} : hardened(options),
  }) + section("Install", {
    WantedBy: user === undefined ? "default.target" : "multi-user.target",
  });
}

/** The executors are less important than the processes of the host's owner. */
export function sliceText(): string {
  return section("Unit", { Description: "Cores that rfaas lends" }) +
    section("Slice", { CPUWeight: "1", IOWeight: "1" });
}

/** Its executors make name spaces and mount file systems, which hardening would prevent. */
function executorSettings(user: string | undefined): Record<string, string> {
  return {
    Slice: SLICE,
    Delegate: "yes",
    OOMScoreAdjust: "500",
    LimitNOFILE: "65536",
    ...user === undefined ? {} : { LimitMEMLOCK: "infinity" },
  };
}

/** The resource manager opens sockets and writes its state, and nothing else. */
function hardened({ writes, listensLow }: UnitOptions): Record<string, string> {
  const capability = "CAP_NET_BIND_SERVICE";
  // After `-` a folder may be missing: the manager then logs what it misses.
  const paths = writes.map((path) => word(`-${literal(path)}`));
  return {
    ...HARDENING,
    ...listensLow ? { AmbientCapabilities: capability, CapabilityBoundingSet: capability } : {},
    ...paths.length === 0 ? {} : { ReadWritePaths: paths.join(" ") },
  };
}

const HARDENING = {
  CapabilityBoundingSet: "",
  LockPersonality: "yes",
  NoNewPrivileges: "yes",
  PrivateDevices: "yes",
  PrivateTmp: "yes",
  ProtectClock: "yes",
  ProtectControlGroups: "yes",
  ProtectHome: "read-only", // Deno, rfaas and the configuration may be there
  ProtectHostname: "yes",
  ProtectKernelLogs: "yes",
  ProtectKernelModules: "yes",
  ProtectKernelTunables: "yes",
  ProtectSystem: "strict",
  RemoveIPC: "yes",
  RestrictAddressFamilies: "AF_INET AF_INET6 AF_NETLINK AF_UNIX",
  RestrictNamespaces: "yes",
  RestrictRealtime: "yes",
  RestrictSUIDSGID: "yes",
  SystemCallArchitectures: "native",
};

function section(name: string, settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
  return `[${name}]\n${lines.join("")}\n`;
}

/** An argument in ExecStart, where a dollar sign begins a variable. Its specifiers `%S` and `%C` stay. */
function quoted(argument: string): string {
  return word(argument.replaceAll("$", "$$$$"));
}

/**
 * A word of a setting (`man systemd.syntax`, "Quoting").
 *
 * @throws {TypeError} If it has a control character.
 */
function word(text: string): string {
  if (/\p{Cc}/u.test(text)) {
    throw new TypeError(
      `Cannot write unit: argument ${JSON.stringify(text)} has a control character`,
    );
  }
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Text of the user, in which a percent sign is no specifier. */
export function literal(argument: string): string {
  return argument.replaceAll("%", "%%");
}
