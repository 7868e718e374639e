// The admin API of Virtualizor as this extension uses it: one path, and an `act` that says what to do.
// Sources: virtualizor.com/docs/admin-api and the clients that the README names.

import { createRemote, fail, z } from 'cofferdam/sdk';
import type { ExtensionFailure, Remote } from 'cofferdam/sdk';

import type { VirtualizorContext } from './config.ts';
import { failureIn, isDone, isLogin } from './replies.ts';
import {
  listOf,
  mapOf,
  osListShape,
  planShape,
  serverGroupShape,
  statusShape,
  taskShape,
  tokenShape,
  userShape,
  vncShape,
  vpsShape,
} from './shapes.ts';
import type { Vps } from './shapes.ts';

type Values = Readonly<Record<string, string | number | undefined>>;
type Options<T> = {
  readonly query?: Values;
  readonly form?: Values;
  readonly shape: z.ZodType<T>;
};

/** Virtualizor's own page size. */
const PAGE_SIZE = 50;
/** 20 000 objects: beyond that a list says so instead of being cut. */
const PAGES_MAX = 400;

/** The API of one master. */
export type Virtualizor = ReturnType<typeof connect>;

/** Connects with the config of the instance; nothing is sent yet. */
export function connect(ctx: VirtualizorContext) {
  const { config, call } = ctx;
  const ask = async <T>(
    remote: Remote,
    method: 'GET' | 'POST',
    act: string,
    { query, form, isChange = false, shape }: Options<T> & { isChange?: boolean },
  ): Promise<T> => {
    const what = `${method} act=${act}`;
    const { json } = await remote.request(method, '/index.php', {
      label: what,
      query: {
        act,
        ...query,
        api: 'json',
        adminapikey: config.apiKey,
        adminapipass: config.apiPassword,
      },
      ...(form === undefined ? {} : { form }),
      signal: call.signal,
    });
    const failure = failureIn(json, what);
    if (failure !== undefined) throw failure;
    if (isChange && !isDone((json as { done?: unknown }).done)) throw notDone(what);
    const parsed = shape.safeParse(json);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw fail(
      'invalid_response',
      `Virtualizor: ${what} answered without a usable "${issue?.path.join('.')}"`,
    );
  };
  const admin = remoteOf(ctx, config.port);
  const get: Get = (act, options) => ask(admin, 'GET', act, options);
  const post: Post = (act, options) => ask(admin, 'POST', act, { ...options, isChange: true });
  const clientPort = remoteOf(ctx, config.clientPort);
  return {
    ...catalogOf(get),
    ...peopleOf(get, post),
    ...serversOf(get, post),
    vnc: async (vpsid: string) => {
      const form = { novnc: vpsid };
      const { info } = await ask(admin, 'POST', 'vnc', { query: form, form, shape: vncShape });
      return info;
    },
    /** One-time parts of a login link; the customers' port makes them. */
    loginToken: (vpsid: string) =>
      ask(clientPort, 'GET', 'sso', { query: { svs: vpsid }, shape: tokenShape }),
  };
}

function remoteOf({ config, fetch }: VirtualizorContext, port: number): Remote {
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return createRemote({
    name: 'Virtualizor',
    fetch,
    baseUrl: `https://${host}:${port}`,
    isLoginPage: isLogin,
  });
}

function notDone(what: string): ExtensionFailure {
  return fail('invalid_response', `Virtualizor: ${what} did not say that it was done`, {
    // Every operation begins with a look-up, so that trying again is safe.
    retriable: true,
    remedy: 'Look at the tasks and logs in Virtualizor, then run the operation again',
  });
}

/** The address of a login link, from what `loginToken` gave. */
export function loginUrlOf(
  { host, clientPort }: VirtualizorContext['config'],
  vpsid: string,
  { token_key, sid }: z.output<typeof tokenShape>,
): string {
  const name = host.includes(':') ? `[${host}]` : host;
  const query = new URLSearchParams({ as: sid, svs: vpsid });
  return `https://${name}:${clientPort}/${token_key}/?${query.toString()}`;
}

type Get = <T>(act: string, options: Options<T>) => Promise<T>;
/** As `Get`, for changes: they must also have been done. */
type Post = Get;

const nothing = z.looseObject({});

/** Reads a list to its last page. */
async function readPages<T>(
  get: Get,
  { act, key, shape }: { act: string; key: string; shape: z.ZodType<T> },
  { query = {}, idOf }: { query?: Values; idOf: (item: T) => string },
): Promise<T[]> {
  const found = new Map<string, T>();
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const batch = await get(act, {
      query: { ...query, page, reslen: PAGE_SIZE },
      shape: listOf(key, shape),
    });
    const before = found.size;
    for (const item of batch) found.set(idOf(item), item);
    // An act that knows no pages answers the same again and again.
    if (batch.length < PAGE_SIZE || found.size === before) return [...found.values()];
  }
  throw fail('capacity', `Virtualizor: act=${act} has more than ${PAGES_MAX * PAGE_SIZE} entries`);
}

/** What can be sold. */
function catalogOf(get: Get) {
  return {
    plans: () =>
      readPages(
        get,
        { act: 'plans', key: 'plans', shape: planShape },
        { idOf: ({ plid }) => plid },
      ),
    /** Templates by kind of virtualization. */
    osList: () => get('os', { shape: osListShape }),
    serverGroups: () => get('servergroups', { shape: listOf('servergroups', serverGroupShape) }),
  };
}

/** Customers. */
function peopleOf(get: Get, post: Post) {
  return {
    /** Virtualizor compares parts of addresses: the caller compares the whole. */
    users: (email: string) =>
      readPages(
        get,
        { act: 'users', key: 'users', shape: userShape },
        { query: { email }, idOf: ({ uid }) => uid },
      ),
    addUser: async (form: Values): Promise<string> => {
      const { done } = await post('adduser', {
        form: { adduser: 1, priority: 0, ...form },
        shape: z.looseObject({ done: z.union([z.string(), z.number()]).transform(String) }),
      });
      return done;
    },
  };
}

/** What is done with virtual servers. */
function serversOf(get: Get, post: Post) {
  return {
    vpses: (query: Values = {}) =>
      readPages(
        get,
        { act: 'vs', key: 'vs', shape: vpsShape },
        { query, idOf: ({ vpsid }) => vpsid },
      ),
    addVps: async (form: Values): Promise<Vps> => {
      const shape = z.looseObject({ newvs: vpsShape });
      const { newvs } = await post('addvs', {
        form: { addvps: 1, node_select: 1, ...form },
        shape,
      });
      return newvs;
    },
    /** Changes what the form names; `theme_edit` leaves the rest as it is. */
    manage: (vpsid: string, form: Values) =>
      post('managevps', {
        query: { vpsid },
        form: { editvps: 1, theme_edit: 1, vpsid, ...form },
        shape: nothing,
      }),
    rebuild: (vpsid: string, osid: string, password: string) =>
      post('rebuild', {
        form: { vpsid, reos: 1, osid, newpass: password, conf: password },
        shape: nothing,
      }),
    act: (vpsid: string, verb: 'suspend' | 'unsuspend' | 'delete' | 'bwreset') =>
      post('vs', { query: { [verb]: vpsid }, shape: nothing }),
    power: (vpsid: string, action: 'start' | 'stop' | 'restart' | 'poweroff') =>
      post('vs', { query: { action, vpsid }, shape: nothing }),
    status: (vpsid: string) =>
      get('vs', {
        query: { vs_status: vpsid },
        shape: z.looseObject({ status: mapOf(statusShape) }),
      }),
    tasks: (vpsid: string) =>
      readPages(
        get,
        { act: 'tasks', key: 'tasks', shape: taskShape },
        { query: { vpsid }, idOf: ({ actid }) => actid },
      ),
  };
}
