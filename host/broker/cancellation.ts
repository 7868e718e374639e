// Tells one call that nobody waits for it any more. Lighter than an AbortController, which every call
// would pay for and hardly any needs.

/** Given with a call; `cancel` may be called at any time, its listener hears it once. */
export class Cancellation {
  #cancelled = false;
  #listener: (() => void) | undefined;

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Replaces the listener; undefined takes it away. */
  listen(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#listener?.();
  }
}
