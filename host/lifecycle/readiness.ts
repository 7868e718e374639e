// What `/readyz` shows: whether the host can work, and which promises this machine does not keep.

import type { Supervisor } from '../cells/supervisor.ts';
import type { WallCheck } from '../jail/walls.ts';
import type { Settings } from '../settings.ts';
import type { Store } from '../store/store.ts';
import type { ExtensionHost } from './host.ts';

/** Looks at what the host stands on. */
export async function readReadiness(
  { allowUnjailed }: Settings,
  {
    store,
    supervisor,
    walls,
    cgroup,
    state,
  }: {
    readonly store: Pick<Store, 'driver' | 'ping'>;
    readonly supervisor: Pick<Supervisor, 'pids'>;
    readonly walls: WallCheck;
    readonly cgroup: string;
    readonly state: { readonly draining: boolean };
  },
): ReturnType<ExtensionHost['readiness']> {
  const answers = await store.ping().then(
    () => true,
    () => false,
  );
  return {
    ready: !state.draining && answers,
    checks: {
      store: store.driver,
      storeAnswers: answers,
      cells: supervisor.pids.length,
      // Promises of the OS jail that this machine does not keep.
      wallsNotHeld: await walls.open(),
      // The kernel's bounds around each child, beside the watchdog: held, or why they are not.
      cgroup,
      unjailedAllowed: allowUnjailed,
    },
  };
}
