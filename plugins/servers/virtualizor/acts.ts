// One request to Virtualizor: there is one path, and an `act` that says what to do. Credentials stand in the
// address, because Virtualizor takes them nowhere else; what goes wrong is said with status 200.

import { createRemote, fail, originOf, readShape } from 'cofferdam/sdk';
import type { ExtensionFailure, z } from 'cofferdam/sdk';

import type { VirtualizorContext } from './config.ts';
import { failureIn, isDone, isLogin } from './replies.ts';

/** Parameters of an address or of a form. */
export type Values = Readonly<Record<string, string | number | undefined>>;

type Act = <T>(
  act: string,
  options: { readonly query?: Values; readonly form?: Values; readonly shape: z.ZodType<T> },
) => Promise<T>;

/** Asks one act, and reads what it answers. */
export type Get = Act;

/** One port of a master. */
export type Port = {
  readonly get: Get;
  /** Changes something: the reply must say that it was done. */
  readonly post: Act;
  /** A form whose reply says something else than that it was done. */
  readonly ask: Act;
};

/** The acts of one port; nothing is sent yet. */
export function openPort({ config, fetch, call }: VirtualizorContext, port: number): Port {
  const remote = createRemote({
    name: 'Virtualizor',
    fetch,
    baseUrl: originOf({ host: config.host, port }),
    isLoginPage: isLogin,
  });
  const run =
    (method: 'GET' | 'POST', { isChange }: { isChange: boolean }): Act =>
    async (act, { query, form, shape }) => {
      const what = `${method} act=${act}`;
      const keys = { adminapikey: config.apiKey, adminapipass: config.apiPassword };
      const { json } = await remote.request(method, '/index.php', {
        label: what,
        query: { act, ...query, api: 'json', ...keys },
        ...(form === undefined ? {} : { form }),
        signal: call.signal,
      });
      const failure = failureIn(json, what);
      if (failure !== undefined) throw failure;
      if (isChange && !isDone((json as { done?: unknown }).done)) throw notDone(what);
      return readShape(shape, json, `Virtualizor's answer to ${what}`);
    };
  return {
    get: run('GET', { isChange: false }),
    post: run('POST', { isChange: true }),
    ask: run('POST', { isChange: false }),
  };
}

function notDone(what: string): ExtensionFailure {
  return fail('invalid_response', `Virtualizor: ${what} did not say that it was done`, {
    // Every operation begins with a look-up, so that trying again is safe.
    retriable: true,
    remedy: 'Look at the tasks and logs in Virtualizor, then run the operation again',
  });
}
