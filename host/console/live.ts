// What happens on the host, as it happens: one stream for the whole tab, and values that are read again
// when something they depend on has changed.

import { signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';

import type { StateChange } from '../changes.ts';
import { stream } from './api.ts';
import type { Problem } from './api.ts';

const RETRY_MS = 2_000;
/** Changes come in bursts: one look a moment later shows them all. */
const SETTLE_MS = 150;

/** Whether the stream is open. */
export const isLive = signal(false);

const listeners = new Set<(change: StateChange) => void>();

/** Keeps the stream open until `signal` aborts. */
export async function follow(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await stream('/admin/stream', signal, (type, value) => {
        if (type === 'open') isLive.value = true;
        if (type === 'open' || type === 'end' || type === 'error') return;
        for (const listen of listeners) listen(value as StateChange);
      });
      isLive.value = false;
    } catch {
      // Whatever ended it, the next round says so again; `isLive` shows it meanwhile.
      isLive.value = false;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** A value that is being read, is there, or could not be read. */
export type Loaded<T> = {
  readonly value: T | undefined;
  readonly problem: Problem | undefined;
  readonly reload: () => void;
};

/**
 * Reads a value now, when `key` changes, and when a change that `concerns` says yes to has happened.
 *
 * @param key Names what is read; another key drops the value of the last one
 */
export function useLoaded<T>(
  key: string,
  read: () => Promise<T>,
  concerns: (change: StateChange) => boolean = () => false,
): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; problem?: Problem }>({ key });
  const latest = useRef({ read, concerns, turn: 0 });
  latest.current.read = read;
  latest.current.concerns = concerns;
  const reload = (): void => {
    const turn = (latest.current.turn += 1);
    latest.current.read().then(
      (value) => {
        if (turn === latest.current.turn) setState({ key, value });
      },
      (problem: Problem) => {
        if (turn === latest.current.turn) setState((old) => ({ ...old, key, problem }));
      },
    );
  };
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listen = (change: StateChange): void => {
      if (timer !== undefined || !latest.current.concerns(change)) return;
      timer = setTimeout(() => {
        timer = undefined;
        reload();
      }, SETTLE_MS);
    };
    listeners.add(listen);
    reload();
    return () => {
      latest.current.turn += 1;
      listeners.delete(listen);
      clearTimeout(timer);
    };
  }, [key]);
  const isSame = state.key === key;
  return {
    value: isSame ? state.value : undefined,
    problem: isSame ? state.problem : undefined,
    reload,
  };
}
