// Asking before something is lost. The browser's own dialog keeps focus inside and gives it back.

import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

type Question = {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly answer: (isYes: boolean) => void;
};

const open = signal<Question | undefined>(undefined);

/** Asks; resolves with the answer. Escape is no. */
export function confirm(question: Omit<Question, 'answer'>): Promise<boolean> {
  open.value?.answer(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  open.value = { ...question, answer: resolve };
  return promise;
}

/** Where the question appears. */
export function Confirm(): VNode | null {
  const question = open.value;
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next paint: a key pressed right after the click must already meet the dialog.
  useLayoutEffect(() => {
    if (question !== undefined) dialog.current?.showModal();
  }, [question]);
  if (question === undefined) return null;
  const { title, text, yes } = question;
  const end = (isYes: boolean): void => {
    open.value = undefined;
    question.answer(isYes);
  };
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={() => end(false)}>
      <h2 id="confirm-title">{title}</h2>
      <p>{text}</p>
      <div class="row end">
        <button type="button" onClick={() => end(false)}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={() => end(true)}>
          {yes}
        </button>
      </div>
    </dialog>
  );
}
