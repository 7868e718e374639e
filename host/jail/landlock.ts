// What Landlock is asked for, by the version (ABI) that the kernel speaks. Pure; the launcher applies it.
// Only reading and executing is ever granted, and of networks and signals nothing.

/** A path and what a child may do beneath it. */
export type Grant = {
  readonly path: string;
  /** `list` shows names, not contents; `execute` is for programs: a shared library needs `read` only. */
  readonly may: 'list' | 'read' | 'execute';
};

/** A ruleset ready for the launcher. */
export type Ruleset = {
  /** `struct landlock_ruleset_attr` as far as the kernel knows it, base64 */
  readonly attributes: string;
  /** Path and access bits; the launcher takes the folder bits away from plain files. */
  readonly rules: readonly (readonly [string, number])[];
};

// linux/landlock.h, in bit order
const EXECUTE = 1 << 0;
const READ_FILE = 1 << 2;
const READ_FOLDER = 1 << 3;

/** Number of file rights by ABI: 2 brought refer, 3 truncate, 5 ioctl on devices. */
const FILE_RIGHTS = [0, 13, 14, 15, 15, 16] as const;
/** ABI 4 brought TCP bind and connect. */
const TCP_ABI = 4;
const TCP_RIGHTS = 0b11;
/** ABI 6 brought walls around abstract unix sockets and signals. */
const SCOPE_ABI = 6;
const SCOPES = 0b11;

/** The strictest ruleset of an ABI that still grants `grants`; `undefined` without Landlock. */
export function createRuleset(abi: number, grants: readonly Grant[]): Ruleset | undefined {
  if (abi < 1) return undefined;
  const rights = FILE_RIGHTS[Math.min(abi, FILE_RIGHTS.length - 1)] ?? 13;
  const words = [2 ** rights - 1];
  if (abi >= TCP_ABI) words.push(TCP_RIGHTS);
  if (abi >= SCOPE_ABI) words.push(SCOPES);
  const attributes = Buffer.alloc(words.length * 8);
  for (const [index, word] of words.entries()) attributes.writeUInt32LE(word, index * 8);
  const bits = {
    list: READ_FOLDER,
    read: READ_FILE | READ_FOLDER,
    execute: READ_FILE | EXECUTE,
  } as const;
  return {
    attributes: attributes.toString('base64'),
    rules: grants.map(({ path, may }) => [path, bits[may]] as const),
  };
}
