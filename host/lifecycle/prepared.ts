// One call that is to run in an instance: what it is, for whom, until when, and as what it counts.

import type { Cancellation } from '../cancellation.ts';
import type { Deadline } from '../deadline.ts';
import type { Recording, Script } from '../recorder/recording.ts';
import type { Held } from '../store/store.ts';
import type { Actor } from './host.ts';
import type { Instance } from './instance.ts';

/** One call that is to run in an instance. */
export type Prepared = {
  readonly instance: Instance;
  readonly id: string;
  readonly handler: string;
  readonly inputText: string;
  readonly deadline: Deadline;
  readonly dryRun: boolean;
  readonly cancellation: Cancellation;
  readonly actor: Actor;
  readonly replayOf?: string;
  /** 1 unless a delivery failed before */
  readonly attempt?: number;
  /** The service or invoice it is about: such calls run one after the other */
  readonly subject?: string | undefined;
  readonly key?: string;
  /** What it runs under, where there is something that only one call at a time may work on */
  readonly held?: Held;
  /** Its effects are written down before they leave; whoever set this removes them after its end */
  readonly journalled?: boolean;
  /** It runs again: what it is answered without asking the world */
  readonly script?: Script;
  /** Told of the call's recording as it starts */
  readonly onRecord?: (recording: Recording) => void;
  /** W3C trace headers of the request that it comes from */
  readonly carrier?: Readonly<Record<string, string>>;
};

/**
 * Whether a call has nothing that another's request could spoil: it sends for real, keeps no journal, and is
 * not sent again under its name. Any other is traced, and so alone in its turns: what it sends is its own.
 */
export function isPlain({ journalled, dryRun, key, attempt }: Prepared): boolean {
  return journalled !== true && !dryRun && key === undefined && attempt === undefined;
}
