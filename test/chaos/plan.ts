// What a run does, decided before it starts and by the seed alone: what is sent to which host, what is
// sent twice, and when which host is killed. Pure.

import { createRandom } from '../helpers/random.ts';

/** How many hosts share the database. */
export const HOSTS = 3;

/** Something that is sent to a host; when that is away, the next one is asked. */
export type Sending = {
  readonly id: string;
  readonly host: number;
  /** The host that gets the same once more, at the same time */
  readonly twin: number | undefined;
};

/** An event: the n-th of its subject. */
export type PlannedEvent = Sending & { readonly subject: string; readonly place: number };

/** A webhook about one payment. */
export type PlannedHook = Sending & {
  /** The panel refuses the first message about it */
  readonly refused: boolean;
};

/** A host that is killed once so many events have been taken. */
export type Kill = { readonly host: number; readonly afterEvents: number };

/** One run. */
export type Plan = {
  readonly seed: number;
  /** By subject; each is sent in order. */
  readonly events: readonly (readonly PlannedEvent[])[];
  readonly operations: readonly Sending[];
  readonly hooks: readonly PlannedHook[];
  readonly kills: readonly Kill[];
};

/** How much is sent. */
export type Size = {
  readonly events: number;
  readonly subjects: number;
  readonly operations: number;
  readonly hooks: number;
};

/** `npm run chaos`, and with `--quick`. */
export const SIZES = {
  whole: { events: 10_000, subjects: 50, operations: 600, hooks: 400 },
  quick: { events: 500, subjects: 20, operations: 60, hooks: 40 },
} as const satisfies Record<string, Size>;

const TWICE = 0.3;
const REFUSED = 0.02;
/** The shares of the events in which the two kills fall. */
const FIRST_KILL = [0.15, 0.45] as const;
const SECOND_KILL = [0.55, 0.85] as const;

/** Decides everything. */
export function createPlan(seed: number, size: Size): Plan {
  const random = createRandom(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const within = ([from, to]: readonly [number, number]): number =>
    Math.floor((from + random() * (to - from)) * size.events);
  const sending = (id: string): Sending => ({
    id,
    host: below(HOSTS),
    twin: random() < TWICE ? below(HOSTS) : undefined,
  });
  const events = Array.from({ length: size.subjects }, (_, subject) =>
    Array.from({ length: size.events / size.subjects }, (_each, place) => ({
      ...sending(`evt-${subject}-${place}`),
      subject: `subject-${subject}`,
      place,
    })),
  );
  // Every other one goes without a key of the vendor's: where it stood, a person has to look.
  const operations = Array.from({ length: size.operations }, (_, at) =>
    sending(`${at % 2 === 0 ? 'keyed' : 'plain'}-${at}`),
  );
  const hooks = Array.from({ length: size.hooks }, (_, at) => ({
    ...sending(`pay-${at}`),
    refused: random() < REFUSED,
  }));
  const first = below(HOSTS);
  const kills = [
    { host: first, afterEvents: within(FIRST_KILL) },
    { host: (first + 1 + below(HOSTS - 1)) % HOSTS, afterEvents: within(SECOND_KILL) },
  ];
  return { seed, events, operations, hooks, kills };
}
