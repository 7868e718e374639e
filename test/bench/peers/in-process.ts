// isolated-vm as Directus uses it, for comparison: apply with copied arguments, a promise of a reference
// back, then a copy out of it, with a timeout. Our own code after its pattern, not Directus itself.

import ivm from 'isolated-vm';

/** Makes an isolate with an async handler; the function calls it with a copied value. */
export async function createInProcess(): Promise<(input: unknown) => Promise<unknown>> {
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  const context = await isolate.createContext();
  const handler = (await context.eval('(async (input) => ({ echo: input }))', {
    reference: true,
  })) as ivm.Reference<(input: unknown) => Promise<unknown>>;
  const options = {
    arguments: { copy: true },
    result: { reference: true, promise: true },
    timeout: 10_000,
  } as const;
  return async (input) => {
    const result = (await handler.apply(undefined, [input], options)) as ivm.Reference<unknown>;
    const value = await result.copy();
    result.release();
    return value;
  };
}
