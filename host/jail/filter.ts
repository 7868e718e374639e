// Writes a seccomp filter: classic BPF that decides on the number and arguments of each system call.
// Pure; who installs it is not known here.

import { keptCalls } from './syscalls.ts';
import type { Check, Machine, Rule } from './syscalls.ts';

/** A filter, and the places where the launcher writes its own process id. */
export type Filter = {
  /** Eight bytes per instruction, little-endian */
  readonly program: Buffer;
  /** Indexes of instructions whose constant is the process id */
  readonly pidAt: readonly number[];
};

type Instruction = {
  readonly code: number;
  readonly yes: number;
  readonly no: number;
  readonly k: number | 'pid';
};

// linux/bpf_common.h and linux/filter.h
const LOAD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_OR_EQUAL = 0x35;
const RETURN = 0x06;

// linux/seccomp.h
const ALLOW = 0x7fff_0000;
const ERRNO = 0x0005_0000;
const KILL = 0x8000_0000;

/** Refused calls answer so; Landlock's refusals answer EACCES. */
const EPERM = 1;
/** Calls that no table of ours knows answer as if the kernel were older, so that libraries fall back. */
const ENOSYS = 38;
/** clone3 and openat2 pass their flags in memory, where a filter cannot look. */
const HIDDEN_FLAGS = [435, 437];
/** First number that is surely newer than the tables. */
const UNKNOWN_FROM = 452;

// struct seccomp_data
const NUMBER_AT = 0;
const MACHINE_AT = 4;
const ARGUMENTS_AT = 16;

const AUDIT_MACHINE: Readonly<Record<Machine, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };

/** The filter of a child. */
export function createFilter(
  machine: Machine,
  powers: { readonly mayStartProcesses: boolean },
): Filter {
  const intervals = splitNumbers(keptCalls(machine, powers));
  const code = [
    instruction(LOAD, MACHINE_AT),
    // Another instruction set has other numbers: whoever switches is not Node.
    instruction(JUMP_EQUAL, AUDIT_MACHINE[machine], 1, 0),
    instruction(RETURN, KILL),
    instruction(LOAD, NUMBER_AT),
    ...search(intervals),
  ];
  return {
    program: Buffer.concat(code.map(encode)),
    pidAt: code.flatMap(({ k }, index) => (k === 'pid' ? [index] : [])),
  };
}

type Interval = { readonly from: number; readonly code: readonly Instruction[] };

/** All numbers as intervals with one decision each, in order, the first from 0. */
function splitNumbers(kept: ReadonlyMap<number, Rule>): readonly Interval[] {
  const refuse = [instruction(RETURN, ERRNO + EPERM)];
  const absent = [instruction(RETURN, ERRNO + ENOSYS)];
  const allow = [instruction(RETURN, ALLOW)];
  const intervals: Interval[] = [];
  for (let number = 0; number <= UNKNOWN_FROM; number += 1) {
    const rule = kept.get(number);
    const code =
      number === UNKNOWN_FROM || HIDDEN_FLAGS.includes(number)
        ? absent
        : rule === undefined
          ? refuse
          : rule.some((checks) => checks.length === 0)
            ? allow
            : decide(rule);
    if (intervals.at(-1)?.code !== code) intervals.push({ from: number, code });
  }
  return intervals;
}

/** A binary search over intervals: about eight comparisons per call. */
function search(intervals: readonly Interval[]): readonly Instruction[] {
  const [first] = intervals;
  if (first === undefined) return [];
  if (intervals.length === 1) return first.code;
  const middle = intervals.length >> 1;
  const lower = search(intervals.slice(0, middle));
  const upper = search(intervals.slice(middle));
  return [
    instruction(JUMP_GREATER_OR_EQUAL, intervals[middle]?.from ?? 0, 0, 1),
    // A jump of its own, for the short ones reach 255 instructions only.
    instruction(JUMP, lower.length),
    ...lower,
    ...upper,
  ];
}

/** One alternative after the other; the first whose checks all hold lets the call pass. */
function decide(rule: Rule): readonly Instruction[] {
  const alternatives = rule.map((checks) => {
    const code = checks.map(compare);
    const end = instruction(RETURN, ALLOW);
    const lengths = code.map(({ length }) => length + 1);
    let rest = lengths.reduce((sum, length) => sum + length, 1);
    const body = code.flatMap((part, index) => {
      rest -= lengths[index] ?? 0;
      return [...part, instruction(JUMP, rest)];
    });
    return [...body, end];
  });
  return [...alternatives.flat(), instruction(RETURN, ERRNO + EPERM)];
}

/** Skips the instruction that follows when the check holds. */
function compare({ argument, mask, values }: Check): readonly Instruction[] {
  return [
    instruction(LOAD, ARGUMENTS_AT + argument * 8),
    instruction(AND, mask),
    ...values.map((value, index) => instruction(JUMP_EQUAL, value, values.length - index, 0)),
  ];
}

function instruction(code: number, k: number | 'pid', yes = 0, no = 0): Instruction {
  return { code, k, yes, no };
}

function encode({ code, yes, no, k }: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(yes, 2);
  bytes.writeUInt8(no, 3);
  bytes.writeUInt32LE(k === 'pid' ? 0 : k, 4);
  return bytes;
}
