// The launcher: takes powers away from its own process as its plan says, then becomes the child by execve.
// Plain JavaScript, because a start that strips types costs 30 ms more. Decides nothing; when one step
// fails it ends with a line on stderr, so that no child runs with a wall missing.
'use strict';

const ffi = require('node:ffi');
const fs = require('node:fs');

/** @type {import('./plan.ts').Plan} */
const plan = JSON.parse(process.argv[2]);
const { functions } = ffi.dlopen(null, {
  syscall: { return: 'i64', arguments: ['i64', 'i64', 'i64', 'i64', 'i64', 'i64', 'i64'] },
  __errno_location: { return: 'pointer', arguments: [] },
});

const PR_SET_PDEATHSIG = 1;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const CAPABILITY_VERSION = 0x20080522;
const F_SETFD = 2;
const O_PATH = 0x200000;
const O_CLOEXEC = 0x80000;
const CLOSE_RANGE_CLOEXEC = 4;
const LANDLOCK_RULE_PATH_BENEATH = 1;
/** Rights that Landlock knows for plain files: execute, write, read, truncate, ioctl. */
const FILE_RIGHTS = 0b1100000000000111;
const SECCOMP_SET_MODE_FILTER = 1;
const SIGKILL = 9;

closeFiles();
lowerLimits();
dropCapabilities();
must('prctl', PR_SET_PDEATHSIG, SIGKILL);
must('prctl', PR_SET_NO_NEW_PRIVS, 1);
if (plan.ruleset !== undefined) enterLandlock(plan.ruleset);
if (plan.filter !== undefined) installFilter(plan.filter);
process.execve(plan.command[0], plan.command, {});

/** The child inherits 0 to 3; everything else closes as it is executed. */
function closeFiles() {
  // Node marks what it inherits to be closed, and takes the mark from 0 to 2 only.
  must('fcntl', 3, F_SETFD, 0);
  // Absent before Linux 5.11; Node opens its own files with O_CLOEXEC anyway.
  call('close_range', 4, 0x7fffffff, CLOSE_RANGE_CLOEXEC);
}

function lowerLimits() {
  for (const [resource, most] of plan.limits) {
    const limit = Buffer.alloc(16);
    // The hard limit may be lower already; raising it is not ours to do.
    const before = Buffer.alloc(16);
    must('prlimit64', 0, resource, 0, before);
    const hard = before.readBigUInt64LE(8);
    const value = hard < BigInt(most) ? hard : BigInt(most);
    limit.writeBigUInt64LE(value, 0);
    limit.writeBigUInt64LE(value, 8);
    must('prlimit64', 0, resource, limit);
  }
}

/** Only root has any. What is kept lets it read what it could read before, as far as Landlock lets it. */
function dropCapabilities() {
  if (process.geteuid() !== 0) return;
  const kept = plan.keptCapability;
  for (let each = 0; each < 64; each += 1) {
    if (each !== kept && call('prctl', PR_CAPBSET_DROP, each) < 0) break;
  }
  call('prctl', PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  const header = Buffer.alloc(8);
  header.writeUInt32LE(CAPABILITY_VERSION, 0);
  const sets = Buffer.alloc(24);
  const before = Buffer.alloc(24);
  must('capget', header, before);
  // Effective and permitted of the first 32; inheritable stays empty.
  sets.writeUInt32LE((before.readUInt32LE(0) & (1 << kept)) >>> 0, 0);
  sets.writeUInt32LE((before.readUInt32LE(4) & (1 << kept)) >>> 0, 4);
  must('capset', header, sets);
}

function enterLandlock({ attributes, rules }) {
  const attribute = Buffer.from(attributes, 'base64');
  const ruleset = must('landlock_create_ruleset', attribute, attribute.length, 0);
  for (const [path, access] of rules) {
    const file = openPath(path);
    if (file === undefined) continue;
    const rule = Buffer.alloc(12);
    const isFolder = fs.fstatSync(file).isDirectory();
    rule.writeBigUInt64LE(BigInt(isFolder ? access : access & FILE_RIGHTS), 0);
    rule.writeInt32LE(file, 8);
    must('landlock_add_rule', ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0);
  }
  must('landlock_restrict_self', ruleset, 0);
}

/** What is not there cannot be granted: it stays refused. */
function openPath(path) {
  try {
    return fs.openSync(path, O_PATH | O_CLOEXEC);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function installFilter({ program, pidAt }) {
  const code = Buffer.from(program, 'base64');
  for (const index of pidAt) code.writeUInt32LE(process.pid, index * 8 + 4);
  const header = Buffer.alloc(16);
  header.writeUInt16LE(code.length / 8, 0);
  header.writeBigUInt64LE(ffi.getRawPointer(code), 8);
  must('seccomp', SECCOMP_SET_MODE_FILTER, 0, header);
}

function must(name, ...values) {
  const answer = call(name, ...values);
  if (answer >= 0) return answer;
  const errno = ffi.getInt32(functions.__errno_location());
  process.stderr.write(`The jail could not be built: ${name} failed with errno ${errno}\n`);
  process.exit(1);
}

function call(name, ...values) {
  const given = values.map((value) =>
    typeof value === 'number' ? BigInt(value) : ffi.getRawPointer(value),
  );
  while (given.length < 6) given.push(0n);
  return Number(functions.syscall(BigInt(plan.numbers[name]), ...given));
}
