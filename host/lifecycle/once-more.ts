// What is begun anew when its process died under it: that says nothing of the code, and nothing has happened.

import { HostError } from '../errors.ts';

/** Runs it, and once more where a process has ended that it needed. Not for what may have had an effect. */
export async function onceMore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== 'EXTENSION_CRASHED') throw error;
    return work();
  }
}
