// Questions that a guest asks and the cell answers: natives of Node that would be large and slow in the
// isolate. Every answer is text; bad questions get a refusal, never an exception.

import type { Draw } from '../traced-call.ts';
import { createKeys } from './subtle.ts';
import { createDecoders, QUESTIONS } from './questions.ts';
import { createZlib } from './zlib.ts';

/** The services of one isolate. */
export type CellServices = {
  /** Answers now: `+answer` or `-why not`. Never throws. */
  ask(operation: string, text: string, draw?: Draw): string;
  /** Serves a `cell.*` request; resolves with JSON text. */
  serve(capability: string, payload: string): Promise<string>;
};

/** Makes the services of one isolate: its decoders and keys go with it. */
export function createCellServices(): CellServices {
  const keys = createKeys();
  const zlib = createZlib();
  const questions = new Map([
    ...Object.entries(QUESTIONS),
    ...Object.entries(createDecoders()),
    ['key.drop', keys.drop] as const,
    ['subtle.supports', keys.supports] as const,
    ['zlib.open', zlib.open] as const,
  ]);
  return {
    ask(operation, text, draw) {
      const answer = questions.get(operation);
      if (answer === undefined) return `-Unknown question "${operation.slice(0, 50)}"`;
      try {
        return `+${answer(text, draw)}`;
      } catch (error) {
        return `-${error instanceof Error ? error.message.slice(0, 300) : 'refused'}`;
      }
    },
    async serve(capability, payload) {
      const request: unknown = JSON.parse(payload);
      if (capability === 'cell.subtle') return JSON.stringify(await keys.run(request));
      if (capability === 'cell.zlib') return JSON.stringify(await zlib.feed(request));
      throw new TypeError(`Unknown service "${capability}"`);
    },
  };
}
