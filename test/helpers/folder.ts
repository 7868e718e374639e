// Where what a test writes lies: in memory, where a disk's word that it is written costs nothing. What a test
// claims of a killed process holds there as well; of a lost machine none claims anything.

import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

const MEMORY = '/dev/shm';
/** Containers often have 64 MB there, which two clusters of PostgreSQL fill. */
const ROOM_BYTES = 2 ** 30;

/** The folder that temporary ones are made in. */
export const TEST_ROOT = hasRoom() ? MEMORY : tmpdir();

function hasRoom(): boolean {
  if (!existsSync(MEMORY)) return false;
  try {
    accessSync(MEMORY, constants.W_OK | constants.X_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    return false;
  }
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize >= ROOM_BYTES;
}
