// Notes in the corner: what was done, what failed and what to do about it. Failures stay until read.

import { signal } from '@preact/signals';
import type { VNode } from 'preact';

type Note = {
  readonly id: number;
  readonly tone: 'good' | 'bad';
  readonly text: string;
  readonly remedy: string | undefined;
};

const NOTES_MAX = 4;
const GOOD_MS = 5_000;

const notes = signal<readonly Note[]>([]);
let last = 0;

/** Shows a note. */
export function showNote(tone: Note['tone'], text: string, remedy?: string): void {
  const id = (last += 1);
  notes.value = [...notes.value, { id, tone, text, remedy }].slice(-NOTES_MAX);
  if (tone === 'good') setTimeout(() => dismiss(id), GOOD_MS);
}

function dismiss(id: number): void {
  notes.value = notes.value.filter((note) => note.id !== id);
}

/** Where notes appear. */
export function Notes(): VNode {
  return (
    <div class="toasts" role="region" aria-label="Notes" aria-live="polite">
      {notes.value.map(({ id, tone, text, remedy }) => (
        <div key={id} class={`alert ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
          <strong>{text}</strong>
          {remedy === undefined ? null : <p>{remedy}</p>}
          {tone === 'bad' ? (
            <button type="button" onClick={() => dismiss(id)}>
              Dismiss
            </button>
          ) : null}
        </div>
      ))}
    </div>
  );
}
