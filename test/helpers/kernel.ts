// Kernels that this machine does not have, for tests of what a host does without its walls.

import type { KernelPowers } from '../../host/jail/kernel.ts';

/** Neither Landlock, nor a filter, nor bubblewrap: Node's permission model is alone. */
export const NO_WALLS: KernelPowers = {
  machine: undefined,
  landlockAbi: 0,
  seccomp: false,
  bubblewrap: undefined,
};
