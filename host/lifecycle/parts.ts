// Everything the running host is made of, handed from main.ts to what needs it.

import type { Logger } from 'pino';

import type { Catalog } from '../catalog/catalog.ts';
import type { FactRecorder } from '../ledger/facts.ts';
import type { CallMeter } from '../metrics/call-meter.ts';
import type { Recorder } from '../recorder/recorder.ts';
import type { StoreClock } from '../store/clock.ts';
import type { Store } from '../store/store.ts';
import type { Tracing } from '../tracing.ts';
import type { Vault } from '../store/vault.ts';
import type { Extensions } from './extensions.ts';
import type { Feed } from './feed.ts';
import type { StateChange } from '../changes.ts';
import type { ExtensionHost } from './host.ts';
import type { Installer } from './install.ts';
import type { Instances } from './instances.ts';
import type { InstanceLogs } from './logs.ts';
import type { Probe } from './probe.ts';
import type { CallRecords } from './records.ts';
import type { Sightings } from './sightings.ts';

/** Everything the host is made of. */
export type HostParts = {
  readonly catalog: Catalog;
  readonly extensions: Extensions;
  readonly instances: Instances;
  readonly probe: Probe;
  readonly store: Store;
  readonly vault: Vault;
  readonly records: CallRecords;
  readonly recorder: Recorder;
  readonly tracing: Tracing;
  readonly facts: FactRecorder;
  readonly meter: Pick<CallMeter, 'ended'>;
  readonly publicUrl: string | undefined;
  readonly log: Logger;
  readonly logs: InstanceLogs;
  readonly sightings: Sightings;
  readonly changes: Feed<StateChange>;
  readonly installer: Installer;
  readonly shippedRoot: string;
  readonly nowMs: () => number;
  /** What is due goes by this one. */
  readonly clock: StoreClock;
  readonly isDraining: () => boolean;
  readonly publish: (change: Omit<StateChange, 'at'>) => void;
  readonly readiness: ExtensionHost['readiness'];
};
