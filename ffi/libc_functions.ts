/** The functions of the C library that are used: one line per parameter, with its C type. */

export const FUNCTIONS = {
  mmap: {
    parameters: [
      "pointer", // void *addr
      "usize", // size_t length
      "i32", // int prot
      "i32", // int flags
      "i32", // int fd
      "i64", // off_t offset
    ],
    result: "pointer", // void *
  },
  munmap: {
    parameters: [
      "pointer", // void *addr
      "usize", // size_t length
    ],
    result: "i32",
  },
  /** The address of munmap, for machine code. */
  munmapAddress: { name: "munmap", type: "pointer" },
  /** The address of getuid, for machine code. */
  getuidAddress: { name: "getuid", type: "pointer" },
  mprotect: {
    parameters: [
      "pointer", // void *addr
      "usize", // size_t length
      "i32", // int prot
    ],
    result: "i32",
  },
  memfd_create: {
    parameters: [
      "buffer", // const char *name
      "u32", // unsigned int flags
    ],
    result: "i32",
  },
  open: {
    parameters: [
      "buffer", // const char *path
      "i32", // int flags
      "u32", // mode_t mode
    ],
    result: "i32",
  },
  unlink: {
    parameters: [
      "buffer", // const char *path
    ],
    result: "i32",
  },
  mkdir: {
    parameters: [
      "buffer", // const char *path
      "u32", // mode_t mode
    ],
    result: "i32",
  },
  rmdir: {
    parameters: [
      "buffer", // const char *path
    ],
    result: "i32",
  },
  chdir: { parameters: [/* const char *path */ "buffer"], result: "i32" },
  opendir: {
    parameters: [
      "buffer", // const char *path
    ],
    result: "pointer", // DIR *
  },
  readdir: {
    parameters: [
      "pointer", // DIR *
    ],
    result: "pointer", // struct dirent *, null at the end
  },
  closedir: {
    parameters: [
      "pointer", // DIR *
    ],
    result: "i32",
  },
  ftruncate: {
    parameters: [
      "i32", // int fd
      "i64", // off_t length
    ],
    result: "i32",
  },
  posix_fallocate: {
    parameters: [
      "i32", // int fd
      "i64", // off_t offset
      "i64", // off_t length
    ],
    result: "i32", // the error number itself
  },
  fcntl: {
    parameters: [
      "i32", // int fd
      "i32", // int command
      "i32", // int argument (variadic; one integer is passed alike on x86-64 and aarch64 Linux)
    ],
    result: "i32",
  },
  statx: {
    parameters: [
      "i32", // int dirfd
      "buffer", // const char *path
      "i32", // int flags
      "u32", // unsigned int mask
      "buffer", // struct statx *
    ],
    result: "i32",
  },
  socket: {
    parameters: [
      "i32", // int domain
      "i32", // int type
      "i32", // int protocol
    ],
    result: "i32",
  },
  bind: {
    parameters: [
      "i32", // int fd
      "buffer", // const struct sockaddr *
      "u32", // socklen_t
    ],
    result: "i32",
  },
  listen: {
    parameters: [
      "i32", // int fd
      "i32", // int backlog
    ],
    result: "i32",
  },
  accept4: {
    parameters: [
      "i32", // int fd
      "pointer", // struct sockaddr * (null)
      "pointer", // socklen_t * (null)
      "i32", // int flags
    ],
    result: "i32",
  },
  connect: {
    parameters: [
      "i32", // int fd
      "buffer", // const struct sockaddr *
      "u32", // socklen_t
    ],
    result: "i32",
  },
  getsockopt: {
    parameters: [
      "i32", // int fd
      "i32", // int level
      "i32", // int name
      "buffer", // void *value
      "buffer", // socklen_t *length
    ],
    result: "i32",
  },
  sendmsg: {
    parameters: [
      "i32", // int fd
      "buffer", // const struct msghdr *
      "i32", // int flags
    ],
    result: "isize",
  },
  recvmsg: {
    parameters: [
      "i32", // int fd
      "buffer", // struct msghdr *
      "i32", // int flags
    ],
    result: "isize",
  },
  send: {
    parameters: [
      "i32", // int fd
      "buffer", // const void *
      "usize", // size_t length
      "i32", // int flags
    ],
    result: "isize",
  },
  recv: {
    parameters: [
      "i32", // int fd
      "buffer", // void *
      "usize", // size_t length
      "i32", // int flags
    ],
    result: "isize",
  },
  shutdown: {
    parameters: [
      "i32", // int fd
      "i32", // int how
    ],
    result: "i32",
  },
  close: {
    parameters: [
      "i32", // int fd
    ],
    result: "i32",
  },
  eventfd: {
    parameters: [
      "u32", // unsigned int initial
      "i32", // int flags
    ],
    result: "i32",
  },
  read: {
    parameters: [
      "i32", // int fd
      "buffer", // void *
      "usize", // size_t count
    ],
    result: "isize",
  },
  write: {
    parameters: [
      "i32", // int fd
      "buffer", // const void *
      "usize", // size_t count
    ],
    result: "isize",
  },
  /** Like `write`, on another thread. errno cannot be read after it. */
  writeAside: {
    name: "write",
    parameters: [
      "i32", // int fd
      "buffer", // const void *
      "usize", // size_t count
    ],
    result: "isize",
    nonblocking: true,
  },
  poll: {
    parameters: [
      "buffer", // struct pollfd *
      "u64", // nfds_t
      "i32", // int timeout, ms
    ],
    result: "i32",
  },
  /** Like `poll`, on another thread while the event loop runs on. errno cannot be read after it. */
  pollAside: {
    name: "poll",
    parameters: [
      "pointer", // struct pollfd *
      "u64", // nfds_t
      "i32", // int timeout, ms
    ],
    result: "i32",
    nonblocking: true,
  },
  sched_yield: { parameters: [], result: "i32" },
  sched_getcpu: { parameters: [], result: "i32" },
  syscall: {
    parameters: [
      "isize", // long number
      "isize", // pid_t pid
      "buffer", // struct sched_attr *attr
      "isize", // unsigned int size or flags
      "isize", // unsigned int flags
    ],
    result: "isize",
  },
  sched_setaffinity: {
    parameters: [
      "i32", // pid_t (0: this thread)
      "usize", // size_t size of the mask
      "buffer", // const cpu_set_t *
    ],
    result: "i32",
  },
  sched_getaffinity: {
    parameters: [
      "i32", // pid_t (0: this thread)
      "usize", // size_t size of the mask
      "buffer", // cpu_set_t *
    ],
    result: "i32",
  },
  prctl: {
    parameters: [
      "i32", // int option
      "u64", // unsigned long argument (variadic; the options used here take one)
    ],
    result: "i32",
  },
  clock_gettime: {
    parameters: [
      "i32", // clockid_t
      "buffer", // struct timespec *
    ],
    result: "i32",
  },
  kill: {
    parameters: [
      "i32", // pid_t
      "i32", // int signal
    ],
    result: "i32",
  },
  /** Calls a function when the calling thread ends (Itanium C++ ABI). */
  __cxa_thread_atexit_impl: {
    parameters: [
      "pointer", // void (*function)(void *)
      "pointer", // void *argument
      "pointer", // void *dso_symbol, which keeps a library loaded; null: none
    ],
    result: "i32",
  },
  prlimit: {
    parameters: [
      "i32", // pid_t (0: this process)
      "i32", // int resource
      "buffer", // const struct rlimit *new (null)
      "buffer", // struct rlimit *old (null)
    ],
    result: "i32",
  },
  signal: { parameters: ["i32", "pointer"], result: "pointer" }, // int signal, sighandler_t
  getuid: { parameters: [], result: "u32" },
  gettid: { parameters: [], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" }, // int *
} as const satisfies Deno.ForeignLibraryInterface;
