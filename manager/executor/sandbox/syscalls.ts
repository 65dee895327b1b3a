/**
 * The system calls that executors are refused: those that change the host, inspect other processes, or have often been used
 * to escape from sandboxes. Numbers: asm/unistd_64.h (x86-64), asm-generic/unistd.h (aarch64).
 */

/** A name, its number on x86-64, and its number on aarch64; `undefined` if that processor has no such call. */
type Row = readonly [name: string, x86_64: number | undefined, aarch64: number | undefined];

/** Refused with EPERM. */
export const DENIED: readonly Row[] = [
  // other processes
  ["ptrace", 101, 117],
  ["process_vm_readv", 310, 270],
  ["process_vm_writev", 311, 271],
  ["process_madvise", 440, 440],
  ["kcmp", 312, 272],
  ["pidfd_getfd", 438, 438],
  ["fork", 57, undefined],
  ["vfork", 58, undefined],
  // the kernel's own machinery
  ["bpf", 321, 280],
  ["perf_event_open", 298, 241],
  ["userfaultfd", 323, 282],
  ["io_uring_enter", 426, 426],
  ["io_uring_register", 427, 427],
  ["add_key", 248, 217],
  ["request_key", 249, 218],
  ["keyctl", 250, 219],
  ["personality", 135, 92],
  ["modify_ldt", 154, undefined],
  ["iopl", 172, undefined],
  ["ioperm", 173, undefined],
  ["syslog", 103, 116],
  ["lookup_dcookie", 212, 18],
  ["init_module", 175, 105],
  ["finit_module", 313, 273],
  ["delete_module", 176, 106],
  ["kexec_load", 246, 104],
  ["kexec_file_load", 320, 294],
  ["mbind", 237, 235],
  ["set_mempolicy", 238, 237],
  ["migrate_pages", 256, 238],
  ["move_pages", 279, 239],
  // namespaces and file systems
  ["unshare", 272, 97],
  ["setns", 308, 268],
  ["chroot", 161, 51],
  ["pivot_root", 155, 41],
  ["mount", 165, 40],
  ["umount2", 166, 39],
  ["mount_setattr", 442, 442],
  ["move_mount", 429, 429],
  ["open_tree", 428, 428],
  ["fsopen", 430, 430],
  ["fsconfig", 431, 431],
  ["fsmount", 432, 432],
  ["fspick", 433, 433],
  ["open_by_handle_at", 304, 265],
  ["name_to_handle_at", 303, 264],
  ["quotactl", 179, 60],
  ["quotactl_fd", 443, 443],
  ["swapon", 167, 224],
  ["swapoff", 168, 225],
  ["fanotify_init", 300, 262],
  // the host as a whole
  ["reboot", 169, 142],
  ["acct", 163, 89],
  ["settimeofday", 164, 170],
  ["clock_settime", 227, 112],
  ["clock_adjtime", 305, 266],
  ["adjtimex", 159, 171],
  ["sethostname", 170, 161],
  ["setdomainname", 171, 162],
  ["vhangup", 153, 58],
];

/** Refused with ENOSYS, so that libraries fall back to the older call, whose flags the filter can check. */
export const UNKNOWN: readonly Row[] = [
  ["clone3", 435, 435],
  ["io_uring_setup", 425, 425],
];

/** Allowed for threads, refused for processes. */
export const CLONE: Row = ["clone", 56, 220];
/** Allowed for some socket families. */
export const SOCKET: Row = ["socket", 41, 198];

/** The last call that was reviewed (mseal, Linux 6.10). Newer ones are refused with ENOSYS. */
export const LAST_CALL = 462;
