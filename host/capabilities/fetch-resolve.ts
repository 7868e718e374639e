// Names → addresses, remembered for a moment: within it a name has one answer, however often it is asked.
// What may be connected to is decided elsewhere, each time, remembered or not.

import { lookup } from 'node:dns/promises';

import type { Cancellation } from '../cancellation.ts';
import { HostError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** Every address of a name. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** `untilMs`: by `performance.now()` */
type Known = { readonly addresses: readonly string[]; readonly untilMs: number };

/** The names of one instance. */
export class Resolver {
  readonly #resolve: Resolve;
  readonly #known = new Map<string, Known>();
  readonly #running = new Map<string, Promise<readonly string[]>>();

  constructor(resolve: Resolve = resolveAll) {
    this.#resolve = resolve;
  }

  /** The addresses that are remembered; undefined when the name has to be looked up. */
  known(hostname: string): readonly string[] | undefined {
    const known = this.#known.get(hostname);
    return known !== undefined && known.untilMs > performance.now() ? known.addresses : undefined;
  }

  /**
   * Looks a name up.
   *
   * @param waitMs The longest to wait; never longer than `LIMITS.lookupMs`
   * @throws {HostError} `REMOTE_UNREACHABLE`, `REMOTE_TIMED_OUT`, `CALLER_CANCELLED`
   */
  async lookUp(
    hostname: string,
    waitMs: number,
    cancellation: Cancellation,
  ): Promise<readonly string[]> {
    const boundMs = Math.max(1, Math.min(LIMITS.lookupMs, waitMs));
    const { promise: given, reject } = Promise.withResolvers<never>();
    const listener = {
      onCancel: (): void =>
        reject(new HostError('CALLER_CANCELLED', `The request to "${hostname}" was given up`)),
    };
    const timer = setTimeout(() => {
      reject(
        new HostError('REMOTE_TIMED_OUT', `Host "${hostname}" was not resolved in ${boundMs} ms`, {
          remedy: 'Check the DNS of the host',
        }),
      );
    }, boundMs);
    cancellation.listen(listener);
    try {
      return await Promise.race([this.#ask(hostname), given]);
    } catch (error) {
      if (error instanceof HostError) throw error;
      throw new HostError('REMOTE_UNREACHABLE', `Host "${hostname}" cannot be resolved`, {
        remedy: 'Check the name in the config and the DNS of the host',
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      cancellation.forget(listener);
    }
  }

  /** One question at a time for each name. */
  #ask(hostname: string): Promise<readonly string[]> {
    const running = this.#running.get(hostname);
    if (running !== undefined) return running;
    const asked = this.#remember(hostname).finally(() => this.#running.delete(hostname));
    this.#running.set(hostname, asked);
    return asked;
  }

  async #remember(hostname: string): Promise<readonly string[]> {
    const addresses = await this.#resolve(hostname);
    this.#known.delete(hostname);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= LIMITS.resolvedNames)
      this.#known.delete(oldest);
    this.#known.set(hostname, { addresses, untilMs: performance.now() + LIMITS.resolvedMs });
    return addresses;
  }
}

async function resolveAll(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true });
  return found.map(({ address }) => address);
}
