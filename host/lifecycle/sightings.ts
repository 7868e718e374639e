// What the requests of instances did: gathered in memory for a moment, then added to the store. Shown to
// admins, and the evidence that a tighter grant is proposed from.

import { createHash } from 'node:crypto';

import type { EgressWatch, Use } from '../capabilities/use.ts';
import { LIMITS } from '../limits.ts';
import type { SightingRow, SightingStore } from '../store/sightings.ts';

/** What watching needs. */
export type SightingPowers = {
  readonly store: SightingStore;
  readonly nowMs: () => number;
  /** Told when something outside a lock is asked for the first time since the start. */
  readonly onAsked: (instance: string, use: Use) => void;
  readonly onError: (error: unknown) => void;
};

/** Sightings of all instances of this host. */
export class Sightings {
  readonly #powers: SightingPowers;
  readonly #denied = new Map<string, number>();
  readonly #asked = new Set<string>();
  #gathered = new Map<string, SightingRow>();
  #flushing: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  constructor(powers: SightingPowers) {
    this.#powers = powers;
    this.#timer = setInterval(() => {
      this.flush().catch(powers.onError);
    }, LIMITS.sightingFlushMs).unref();
  }

  /** The watch over one instance. */
  watch(instance: string): EgressWatch {
    return {
      used: (use) => this.#add({ instance, kind: 'used', key: keyOf(use), details: { ...use } }),
      denied: ({ message, remedy, details = {} }, use) => {
        this.#denied.set(instance, this.deniedOf(instance) + 1);
        const { rule, setBy, allowedBy, target } = details;
        const shown = { rule, setBy, allowedBy, target, message, remedy };
        const key = `${String(rule)} ${String(target)}`;
        this.#add({ instance, kind: 'denied', key, details: shown });
        if (rule !== 'outside-lock' || use === undefined) return;
        const asked = keyOf(use);
        this.#add({ instance, kind: 'asked', key: asked, details: { ...use } });
        const id = requestId(instance, asked);
        if (this.#asked.has(id) || this.#asked.size >= LIMITS.sightingsPerInstance) return;
        this.#asked.add(id);
        this.#powers.onAsked(instance, use);
      },
    };
  }

  /** Requests of an instance that this host has refused since its start. */
  deniedOf(instance: string): number {
    return this.#denied.get(instance) ?? 0;
  }

  /** Lets the next request of that kind be told again. */
  decided(id: string): void {
    this.#asked.delete(id);
  }

  /** Forgets what is not in the store yet: the instance is gone. */
  forget(instance: string): void {
    this.#denied.delete(instance);
    for (const [key, row] of this.#gathered)
      if (row.instance === instance) this.#gathered.delete(key);
  }

  /** Adds what was gathered to the store, after the flush before it. */
  flush(): Promise<void> {
    const flushing = this.#flushing.then(async () => {
      const rows = [...this.#gathered.values()];
      this.#gathered = new Map();
      if (rows.length > 0) await this.#powers.store.addSightings(rows, LIMITS.sightingsPerInstance);
    });
    // The next flush does not fail for this one's reason.
    this.#flushing = flushing.catch(() => undefined);
    return flushing;
  }

  /** Ends the timer and writes the rest. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  #add(seen: Omit<SightingRow, 'count' | 'firstMs' | 'lastMs'>): void {
    const now = this.#powers.nowMs();
    const key = clean(seen.key);
    const id = JSON.stringify([seen.instance, seen.kind, key]);
    const known = this.#gathered.get(id);
    // What comes in a flood of kinds is dropped: the store would not keep it either.
    if (known === undefined && this.#gathered.size >= LIMITS.sightingsGathered) return;
    const { count = 0, firstMs = now } = known ?? {};
    this.#gathered.set(id, { ...seen, key, count: count + 1, firstMs, lastMs: now });
  }
}

/** `GET api.example.com/v1/things/{id}` */
export function keyOf({ method, host, path }: Use): string {
  return `${method} ${host}${path}`;
}

/** The id of a request in the inbox: says nothing, is the same on every host. */
export function requestId(instance: string, key: string): string {
  const text = JSON.stringify([instance, clean(key)]);
  return `req_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
}

/** A key is one line, of a length that an index takes. */
function clean(key: string): string {
  return key.replaceAll(/[\p{Cc}\p{Cs}]/gu, ' ').slice(0, 600);
}
