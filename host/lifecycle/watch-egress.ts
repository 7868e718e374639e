// Connects what requests do with those who are told of it: the store, the feed of changes, an author's log.

import type { EgressWatch } from '../capabilities/use.ts';
import type { HostError } from '../errors.ts';
import type { HostParts } from './parts.ts';
import { Sightings } from './sightings.ts';

/** Watches the requests of a host's instances, and tells of what only was to be reported. */
export function watchEgress({
  store,
  nowMs,
  publish,
  log,
  logs,
}: Pick<HostParts, 'store' | 'nowMs' | 'publish' | 'log' | 'logs'>): {
  readonly sightings: Sightings;
  readonly watch: (instance: string) => EgressWatch;
  readonly onReport: (instance: string, refusal: HostError) => void;
} {
  const sightings = new Sightings({
    store,
    nowMs,
    onAsked: (instance, use) =>
      publish({ type: 'egress.asked', subject: instance, data: { ...use } }),
    onError: (error) => log.error({ err: error }, 'sightings not written'),
  });
  return {
    sightings,
    watch: (instance) => sightings.watch(instance),
    onReport(instance, refusal) {
      const { message, details, remedy } = refusal;
      sightings.watch(instance).denied(refusal.toData(), undefined);
      const fields = { allowedBy: details?.['allowedBy'], remedy };
      // Beside the author's own lines: that is where an author looks.
      const line = { level: 'warn', message: `Would be refused: ${message}`, fields } as const;
      logs.write(instance, { bytes: message.length, read: () => line });
    },
  };
}
