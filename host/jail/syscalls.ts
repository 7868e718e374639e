// System call numbers by name, and which of them a child keeps. Known to the filter alone.
// A name that is not in `KEPT` is refused, so that a new kernel cannot add a power silently.

/** Machines whose numbers are known. */
export type Machine = 'x64' | 'arm64';

/** One comparison: `argument & mask` must be one of `values`. `pid` stands for the child's own id. */
export type Check = {
  readonly argument: number;
  readonly mask: number;
  readonly values: readonly (number | 'pid')[];
};

/** Lets a call pass when all checks of one alternative hold; an alternative without checks always does. */
export type Rule = readonly (readonly Check[])[];

const ALLOW: Rule = [[]];
const EVERY_BIT = 0xffff_ffff;

const is = (argument: number, ...values: (number | 'pid')[]): Check => ({
  argument,
  mask: EVERY_BIT,
  values,
});
const masked = (argument: number, mask: number, value: number): Check => ({
  argument,
  mask,
  values: [value],
});

/** Numbers as [x86-64, arm64]; −1 where the machine has no such call. */
const NUMBERS = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  fstat: [5, 80],
  lseek: [8, 62],
  mmap: [9, 222],
  mprotect: [10, 226],
  munmap: [11, 215],
  brk: [12, 214],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  rt_sigreturn: [15, 139],
  rt_sigpending: [127, 136],
  rt_sigtimedwait: [128, 137],
  pread64: [17, 67],
  readv: [19, 65],
  writev: [20, 66],
  preadv: [295, 69],
  access: [21, -1],
  faccessat: [269, 48],
  faccessat2: [439, 439],
  pipe: [22, -1],
  pipe2: [293, 59],
  select: [23, -1],
  pselect6: [270, 72],
  poll: [7, -1],
  ppoll: [271, 73],
  sched_yield: [24, 124],
  mremap: [25, 216],
  mincore: [27, 232],
  madvise: [28, 233],
  dup: [32, 23],
  dup2: [33, -1],
  dup3: [292, 24],
  nanosleep: [35, 101],
  clock_nanosleep: [230, 115],
  getpid: [39, 172],
  gettid: [186, 178],
  getppid: [110, 173],
  shutdown: [48, 210],
  getsockname: [51, 204],
  getpeername: [52, 205],
  getsockopt: [55, 209],
  exit: [60, 93],
  exit_group: [231, 94],
  uname: [63, 160],
  getdents64: [217, 61],
  getcwd: [79, 17],
  readlink: [89, -1],
  readlinkat: [267, 78],
  gettimeofday: [96, 169],
  time: [201, -1],
  clock_gettime: [228, 113],
  clock_getres: [229, 114],
  getrlimit: [97, 163],
  getrusage: [98, 165],
  sysinfo: [99, 179],
  times: [100, 153],
  getuid: [102, 174],
  getgid: [104, 176],
  geteuid: [107, 175],
  getegid: [108, 177],
  getgroups: [115, 158],
  getresuid: [118, 148],
  getresgid: [120, 150],
  sigaltstack: [131, 132],
  arch_prctl: [158, -1],
  futex: [202, 98],
  sched_getaffinity: [204, 123],
  sched_getscheduler: [145, 120],
  sched_getparam: [143, 121],
  sched_get_priority_max: [146, 125],
  sched_get_priority_min: [147, 126],
  getpriority: [140, 141],
  capget: [125, 90],
  set_tid_address: [218, 96],
  set_robust_list: [273, 99],
  rseq: [334, 293],
  restart_syscall: [219, 128],
  epoll_create1: [291, 20],
  epoll_create: [213, -1],
  epoll_ctl: [233, 21],
  epoll_wait: [232, -1],
  epoll_pwait: [281, 22],
  epoll_pwait2: [441, 441],
  eventfd: [284, -1],
  eventfd2: [290, 19],
  getrandom: [318, 278],
  stat: [4, -1],
  lstat: [6, -1],
  newfstatat: [262, 79],
  statx: [332, 291],
  statfs: [137, 43],
  fstatfs: [138, 44],
  membarrier: [324, 283],
  getcpu: [309, 168],
  pkey_alloc: [330, 289],
  pkey_free: [331, 290],
  pkey_mprotect: [329, 288],
  close_range: [436, 436],
  execve: [59, 221],
  open: [2, -1],
  openat: [257, 56],
  clone: [56, 220],
  tgkill: [234, 131],
  kill: [62, 129],
  prctl: [157, 167],
  ioctl: [16, 29],
  fcntl: [72, 25],
  prlimit64: [302, 261],
  socketpair: [53, 199],
  fork: [57, -1],
  vfork: [58, -1],
  wait4: [61, 260],
  waitid: [247, 95],
  chdir: [80, 49],
  fchdir: [81, 50],
  // Never kept; the launcher and the probe make them.
  capset: [126, 91],
  seccomp: [317, 277],
  landlock_create_ruleset: [444, 444],
  landlock_add_rule: [445, 445],
  landlock_restrict_self: [446, 446],
  socket: [41, 198],
  connect: [42, 203],
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  mount: [165, 40],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  keyctl: [250, 219],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  unshare: [272, 97],
  pidfd_open: [434, 434],
} as const satisfies Record<string, readonly [number, number]>;

/** A system call that this product knows by name. */
export type SystemCall = keyof typeof NUMBERS;

/** The number of a call on a machine; −1 where it has none. */
export function numberOf(name: SystemCall, machine: Machine): number {
  return NUMBERS[name][machine === 'x64' ? 0 : 1];
}

/** O_WRONLY, O_RDWR, O_CREAT, O_TRUNC and O_TMPFILE: files are opened for reading only. */
const OPEN_FOR_WRITING = 0x40_0243;
/** CLONE_VM, CLONE_SIGHAND and CLONE_THREAD: what makes a thread rather than a process. */
const THREAD = 0x1_0900;
/** CLONE_NEW*: a new user namespace would hand out privileges inside it. */
const NAMESPACES = 0x7e02_0000;
const SIGURG = 23;

/** Calls without any condition. */
const PLAIN: readonly SystemCall[] = [
  'read',
  'write',
  'close',
  'fstat',
  'lseek',
  'mmap',
  'mprotect',
  'munmap',
  'brk',
  'rt_sigaction',
  'rt_sigprocmask',
  'rt_sigreturn',
  'rt_sigpending',
  'rt_sigtimedwait',
  'pread64',
  'readv',
  'writev',
  'preadv',
  'access',
  'faccessat',
  'faccessat2',
  'pipe',
  'pipe2',
  'select',
  'pselect6',
  'poll',
  'ppoll',
  'sched_yield',
  'mremap',
  'mincore',
  'madvise',
  'dup',
  'dup2',
  'dup3',
  'nanosleep',
  'clock_nanosleep',
  'getpid',
  'gettid',
  'getppid',
  'shutdown',
  'getsockname',
  'getpeername',
  'getsockopt',
  'exit',
  'exit_group',
  'uname',
  'getdents64',
  'getcwd',
  'readlink',
  'readlinkat',
  'gettimeofday',
  'time',
  'clock_gettime',
  'clock_getres',
  'getrlimit',
  'getrusage',
  'sysinfo',
  'times',
  'getuid',
  'getgid',
  'geteuid',
  'getegid',
  'getgroups',
  'getresuid',
  'getresgid',
  'sigaltstack',
  'arch_prctl',
  'futex',
  'sched_getaffinity',
  'sched_getscheduler',
  'sched_getparam',
  'sched_get_priority_max',
  'sched_get_priority_min',
  'getpriority',
  'capget',
  'set_tid_address',
  'set_robust_list',
  'rseq',
  'restart_syscall',
  'epoll_create1',
  'epoll_create',
  'epoll_ctl',
  'epoll_wait',
  'epoll_pwait',
  'epoll_pwait2',
  'eventfd',
  'eventfd2',
  'getrandom',
  'stat',
  'lstat',
  'newfstatat',
  'statx',
  'statfs',
  'fstatfs',
  'membarrier',
  'getcpu',
  'pkey_alloc',
  'pkey_free',
  'pkey_mprotect',
  'close_range',
  // The launcher becomes the child by it; which file may be executed is Landlock's to say.
  'execve',
];

/** What every child keeps under a condition. */
const CHECKED: readonly (readonly [SystemCall, Rule])[] = [
  ['open', [[masked(1, OPEN_FOR_WRITING, 0)]]],
  ['openat', [[masked(2, OPEN_FOR_WRITING, 0)]]],
  ['kill', [[is(0, 'pid')]]],
  // PR_{SET,GET}_NAME, PR_GET_DUMPABLE, PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_SET_VMA.
  ['prctl', [[is(0, 15, 16, 3, 23, 39, 0x5356_4d41)]]],
  // TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: nothing that types into a terminal.
  ['ioctl', [[is(1, 0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451)]]],
  // F_DUPFD, F_{GET,SET}FD, F_{GET,SET}FL, F_DUPFD_CLOEXEC. F_SETOWN would send signals to others.
  ['fcntl', [[is(1, 0, 1, 2, 3, 4, 1030)]]],
  ['prlimit64', [[is(0, 0, 'pid')]]],
];

/** A cell makes threads, never processes. */
const CELL: readonly (readonly [SystemCall, Rule])[] = [
  ['clone', [[masked(0, THREAD + NAMESPACES, THREAD)]]],
  ['tgkill', [[is(0, 'pid')]]],
];

/** The builder starts esbuild, whose scheduler sends SIGURG (ignored unless asked for) to itself. */
const BUILDER: readonly (readonly [SystemCall, Rule])[] = [
  ['clone', [[masked(0, NAMESPACES, 0)]]],
  ['fork', ALLOW],
  ['vfork', ALLOW],
  ['wait4', ALLOW],
  ['waitid', ALLOW],
  ['chdir', ALLOW],
  ['fchdir', ALLOW],
  ['tgkill', [[is(0, 'pid')], [is(2, SIGURG)]]],
  // Pipes to a child process are pairs of AF_UNIX stream sockets: they reach nothing else.
  ['socketpair', [[is(0, 1), masked(1, 0xf, 1)]]],
];

/** What a child keeps, by number. */
export function keptCalls(
  machine: Machine,
  { mayStartProcesses }: { readonly mayStartProcesses: boolean },
): ReadonlyMap<number, Rule> {
  const kept = new Map<number, Rule>();
  const add = (name: SystemCall, rule: Rule): void => {
    const number = numberOf(name, machine);
    if (number >= 0) kept.set(number, rule);
  };
  for (const name of PLAIN) add(name, ALLOW);
  for (const [name, rule] of [...CHECKED, ...(mayStartProcesses ? BUILDER : CELL)]) add(name, rule);
  return kept;
}
