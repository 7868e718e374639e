// Tells that nobody waits for something any more: a call, or one of its requests. Lighter than an
// AbortController, which each of them would pay for and hardly any needs.

/** Hears of it, once. An object and not a function: what listens for every request is there already. */
export type CancelListener = { onCancel(): void };

/** Who no longer waits: whoever asked, or nobody, since the call that it belongs to is over. */
export type CancelReason = 'given-up' | 'call-over';

/** Given with a call or a request; `cancel` may be called at any time. */
export class Cancellation {
  #reason: CancelReason | undefined;
  #listeners: CancelListener[] = [];

  get cancelled(): boolean {
    return this.#reason !== undefined;
  }

  /** Undefined until it is cancelled. */
  get reason(): CancelReason | undefined {
    return this.#reason;
  }

  /** Adds a listener; one that comes after the cancellation hears nothing. */
  listen(listener: CancelListener): void {
    this.#listeners.push(listener);
  }

  /** Takes a listener away. */
  forget(listener: CancelListener): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  cancel(reason: CancelReason = 'given-up'): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener.onCancel();
  }
}
