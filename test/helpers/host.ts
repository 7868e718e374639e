// A real host in a temporary folder: real builder, cells and HTTP. Extensions are written as files.

import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { TEST_ROOT } from './folder.ts';
import { createLog } from '../../host/log.ts';
import { runHost } from '../../host/main.ts';
import type { HostOptions, RunningHost } from '../../host/main.ts';
import { parseSettings } from '../../host/settings.ts';

/** Files of extensions: `others/echo` → name → text. A manifest is made up when none is given. */
export type ExtensionFiles = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What a request was answered. */
export type Answer = { readonly status: number; readonly body: any; readonly headers: Headers };

/** A running host and ways to use it. */
export type TestHost = {
  readonly url: string;
  readonly dir: string;
  readonly running: RunningHost;
  /** Sends JSON as admin; `path` is below `/api/v1/admin`. */
  request(method: string, path: string, body?: unknown, headers?: object): Promise<Answer>;
  /** Configures when values are given, then enables; throws when either fails. */
  enable(extension: string, config?: object, grants?: object): Promise<any>;
  call(extension: string, handler: string, input?: unknown, more?: object): Promise<Answer>;
  /** Writes a file of an extension. */
  write(extension: string, file: string, text: string): Promise<void>;
  /** Resolves with the next state change of that type. */
  nextChange(type: string): Promise<any>;
  [Symbol.asyncDispose](): Promise<void>;
};

export const ADMIN_TOKEN = 'test-admin-token-0001';

/** Starts a host. Use with `await using`. */
export async function startTestHost(
  extensions: ExtensionFiles = {},
  options: {
    settings?: Record<string, string>;
    egress?: HostOptions['egress'];
    openStore?: HostOptions['openStore'];
    log?: HostOptions['log'];
    kernel?: HostOptions['kernel'];
    shipped?: boolean;
    /** Told of every answer that the host gives to `request`. */
    onAnswer?: (answer: Answer) => void;
  } = {},
): Promise<TestHost> {
  const dir = await mkdtemp(join(TEST_ROOT, 'cofferdam-test-'));
  const root = join(dir, 'extensions');
  await mkdir(root);
  const write = async (extension: string, file: string, text: string): Promise<void> => {
    const path = join(root, extension, file);
    await mkdir(dirname(path), { recursive: true });
    // Whole at once, whatever the watcher's pace; the dot keeps the half file from its eyes.
    const half = join(dirname(path), `.${basename(path)}`);
    await writeFile(half, text);
    await rename(half, path);
  };
  for (const [extension, files] of Object.entries(extensions)) {
    if (files['manifest.json'] === undefined) {
      await write(extension, 'manifest.json', JSON.stringify(manifestFor(extension)));
    }
    for (const [file, text] of Object.entries(files)) await write(extension, file, text);
  }
  const settings = parseSettings({
    COFFERDAM_PORT: '0',
    COFFERDAM_DATA_DIR: join(dir, 'data'),
    COFFERDAM_ADMIN_TOKEN: ADMIN_TOKEN,
    COFFERDAM_LOG_LEVEL: 'silent',
    COFFERDAM_ALLOW_UNJAILED: '1',
    ...(options.shipped === true ? {} : { COFFERDAM_EXTENSIONS: root }),
    ...options.settings,
  });
  const running = await runHost(settings, {
    log: options.log ?? createLog(settings.logLevel),
    ...(options.egress === undefined ? {} : { egress: options.egress }),
    ...(options.openStore === undefined ? {} : { openStore: options.openStore }),
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
  });
  return wrap(running, dir, { write, onAnswer: options.onAnswer ?? (() => undefined) });
}

/** The smallest manifest; `more` adds to it. */
export function manifestFor(extension: string, more: object = {}): object {
  const [category, name] = extension.split('/');
  return {
    apiVersion: 1,
    name,
    description: `The ${name} of a test`,
    version: '1.0.0',
    author: 'Test',
    license: 'MIT',
    category,
    ...more,
  };
}

function wrap(
  running: RunningHost,
  dir: string,
  { write, onAnswer }: Pick<TestHost, 'write'> & { readonly onAnswer: (answer: Answer) => void },
): TestHost {
  const { url } = running;
  const request: TestHost['request'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}/api/v1/admin${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    const { status, headers: given } = response;
    const answer = { status, body: isJson ? JSON.parse(text) : text, headers: given };
    onAnswer(answer);
    return answer;
  };
  const must = ({ status, body }: Answer): any => {
    if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return body;
  };
  return {
    url,
    dir,
    running,
    request,
    write,
    async enable(extension, config, grants) {
      if (config !== undefined)
        must(await request('PUT', `/extensions/${extension}/config`, config));
      const body = grants === undefined ? undefined : { grants };
      return must(await request('POST', `/extensions/${extension}/enable`, body));
    },
    call: (extension, handler, input, more = {}) =>
      request('POST', `/extensions/${extension}/calls/${handler}`, { input, ...more }),
    async nextChange(type) {
      const abort = new AbortController();
      for await (const change of running.changes.subscribe(abort.signal)) {
        if (change.type !== type) continue;
        abort.abort();
        return change;
      }
      throw new Error(`The feed ended before a change of type "${type}"`);
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** An extension of category others whose `execute` has this body; `ctx` and `input` are in scope. */
export function other(body: string, before = ''): string {
  return `import { defineOther, fail, secret, z } from 'cofferdam/sdk';
${before}
export default defineOther({ async execute(input: any, ctx: any) { ${body} } } as any);
`;
}
