// What capabilities fail with: always a failure with a code. What a guest's request itself has caused says
// so; anything else is a bug of ours, told to whoever keeps the log, and to the guest as nothing more.

import type * as z from 'zod';

import { HostError } from '../errors.ts';
import type { Capability, CapabilityTable } from './capability.ts';

/** Where a bug was met. */
export type BugPlace = {
  /** `category/name/instance` */
  readonly instance: string;
  readonly capability: string;
  readonly callId: string;
};

/** Told of each failure that no code was made for. */
export type OnBug = (error: unknown, place: BugPlace) => void;

/** The same capabilities, failing with `HostError` only; the bodies of their replies too. */
export function withTypedFailures(table: CapabilityTable, onBug: OnBug): CapabilityTable {
  return Object.fromEntries(
    Object.entries(table).map(([name, serve]) => [name, typed(name, serve, onBug)]),
  );
}

function typed(capability: string, serve: Capability, onBug: OnBug): Capability {
  return async (payload, scope, upload) => {
    const { instance, callId } = scope;
    const fail = (error: unknown): never => {
      if (error instanceof HostError) throw error;
      if (isTooDeep(error)) throw tooDeep(capability, error);
      onBug(error, { instance, capability, callId });
      const message = `The host failed while serving "${capability}"`;
      throw new HostError('HOST_INTERNAL', message, { cause: error });
    };
    try {
      const reply = await serve(payload, scope, upload);
      return reply.body === undefined ? reply : { ...reply, body: typedBody(reply.body, fail) };
    } catch (error) {
      return fail(error);
    }
  };
}

/** Not a generator: one that was never started would not let go of its source when it is given back. */
function typedBody(
  body: AsyncIterable<Uint8Array>,
  fail: (error: unknown) => never,
): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const source = body[Symbol.asyncIterator]();
      return {
        next: () => source.next().catch(fail),
        return: async () => (await source.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}

/** A request whose JSON does not fit; zod's own words, which never hold a value. */
export function invalidField(what: string, { issues }: z.ZodError, remedy: string): HostError {
  const [issue] = issues;
  const field = (issue?.path.join('.') ?? '').slice(0, 200);
  const message = `${what}: "${field}": ${issue?.message ?? ''}`;
  return new HostError('EXTENSION_OUTPUT_INVALID', message, { remedy, details: { field } });
}

/** What walks through a value calls itself for each level of it: only the guest can have made so many. */
function isTooDeep(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes('call stack');
}

function tooDeep(capability: string, cause: unknown): HostError {
  return new HostError(
    'EXTENSION_OUTPUT_INVALID',
    `The request to "${capability}" is nested too deep`,
    { remedy: 'Send its parts one by one, or the whole as a text', cause },
  );
}
