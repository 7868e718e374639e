// A Discord webhook on loopback: takes messages, enforces embed limits and rate limits, answers as
// Discord documents it. Used by tests of extensions; knows nothing of them.
// Docs read: discord.com/developers/docs/resources/webhook, /resources/message (embed limits),
// /topics/rate-limits, /reference (error messages).

import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { DOCUMENTATION, noteJudged } from '../oracle.ts';
import { loadBodyCheck } from './schema.ts';

/** The webhook that exists at the fake. */
export const WEBHOOK = {
  id: '1234567890123456789',
  token: 'Zx9-fake_token-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP',
  name: 'Billing',
  channelId: '1111111111111111111',
} as const;

/** A message that the fake accepted. */
export type SentMessage = {
  readonly query: Readonly<Record<string, string>>;
  readonly body: {
    readonly content?: string;
    readonly username?: string;
    readonly avatar_url?: string;
    readonly allowed_mentions?: unknown;
    readonly embeds: readonly SentEmbed[];
  };
};
type SentEmbed = {
  readonly title?: string;
  readonly description?: string;
  readonly url?: string;
  readonly color?: number;
  readonly timestamp?: string;
  readonly footer?: { readonly text: string };
  readonly author?: { readonly name: string };
  readonly fields?: readonly { name: string; value: string; inline?: boolean }[];
};

type Answer = {
  readonly status: number;
  readonly body?: unknown;
  readonly text?: string;
  readonly headers?: Record<string, string>;
};

/** The running fake. */
export type FakeDiscord = AsyncDisposable & {
  /** `http://127.0.0.1:<port>`, to map `https://discord.com` to */
  readonly origin: string;
  /** The webhook's address as an admin would copy it */
  readonly webhookUrl: string;
  readonly messages: readonly SentMessage[];
  /** Every request, refused ones too: `POST /api/webhooks/…?wait=true` */
  readonly requests: readonly string[];
  /** Whether bodies are checked against Discord's own specification. */
  readonly checksSchema: boolean;
  /** Answers the next request with 429; without JSON when `html`, as Cloudflare does. */
  limitNext(limit: { retryAfterSeconds: number; global?: boolean; html?: boolean }): void;
  /** Answers the next request with this. */
  answerNext(answer: Answer): void;
  /** Deletes the webhook: error 10015 from now on. */
  deleteWebhook(): void;
};

// Read once: the specification is a megabyte.
let bodyCheck: { readonly check: ReturnType<typeof loadBodyCheck> } | undefined;

/** Starts the fake on a free loopback port. */
export async function startFakeDiscord(): Promise<FakeDiscord> {
  const messages: SentMessage[] = [];
  const requests: string[] = [];
  const queued: Answer[] = [];
  bodyCheck ??= { check: loadBodyCheck() };
  const checkBody = bodyCheck.check;
  let exists = true;

  const handle = async (request: IncomingMessage): Promise<Answer> => {
    const url = new URL(request.url ?? '/', 'http://discord.invalid');
    requests.push(`${request.method} ${url.pathname}${url.search}`);
    const text = await readBody(request);
    const next = queued.shift();
    if (next !== undefined) return next;
    const [, version, id, token] =
      /^\/api(\/v\d+)?\/webhooks\/(\d+)\/([\w-]+)$/.exec(url.pathname) ?? [];
    if (id === undefined) return error(404, 0, '404: Not Found');
    if (!exists || id !== WEBHOOK.id) return error(404, 10_015, 'Unknown Webhook');
    if (token !== WEBHOOK.token) return error(401, 50_027, 'Invalid Webhook Token');
    if (request.method === 'GET') {
      noteJudged('others/discordnotifications', DOCUMENTATION);
      return { status: 200, body: describeWebhook(version) };
    }
    if (request.method !== 'POST') return error(405, 0, '405: Method Not Allowed');
    const body = parse(text, request.headers['content-type']);
    if (body === undefined) return error(400, 50_109, 'The request body contains invalid JSON.');
    const refused = checkLimits(body) ?? checkSchema(body, checkBody);
    if (refused !== undefined) return refused;
    const query = Object.fromEntries(url.searchParams);
    messages.push({ query, body });
    if (query['wait'] !== 'true') return { status: 204 };
    return { status: 200, body: describeMessage(messages.length, query['thread_id']) };
  };

  const server = createServer((request, response) => {
    handle(request).then(
      (answer) => write(response, answer),
      (failure: unknown) => write(response, { status: 599, text: String(failure) }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // `address()` of a listening TCP server is never a string or null.
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    webhookUrl: `https://discord.com/api/webhooks/${WEBHOOK.id}/${WEBHOOK.token}`,
    messages,
    requests,
    checksSchema: checkBody !== undefined,
    limitNext: (limit) => void queued.push(rateLimited(limit)),
    answerNext: (answer) => void queued.push(answer),
    deleteWebhook: () => void (exists = false),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function parse(text: string, type: string | undefined): SentMessage['body'] | undefined {
  if (type !== 'application/json') return undefined;
  try {
    // The shape is checked by checkLimits and checkSchema before anything is read from it.
    return JSON.parse(text) as SentMessage['body'];
  } catch (failure) {
    if (failure instanceof SyntaxError) return undefined;
    throw failure;
  }
}

/** Discord's bounds, written down here apart from the extension's own. */
function checkLimits(body: SentMessage['body']): Answer | undefined {
  const errors: [string, string, string][] = [];
  const max = (path: string, text: string | undefined, limit: number): void => {
    if (text === undefined || text.length <= limit) return;
    errors.push([path, 'BASE_TYPE_MAX_LENGTH', `Must be ${limit} or fewer in length.`]);
  };
  const embeds = body.embeds ?? [];
  if ((body.content ?? '') === '' && embeds.length === 0) {
    return error(400, 50_006, 'Cannot send an empty message');
  }
  max('content', body.content, 2_000);
  max('username', body.username, 80);
  if (/discord|clyde/i.test(body.username ?? '')) {
    errors.push(['username', 'USERNAME_INVALID_CONTAINS', 'Username cannot contain "discord"']);
  }
  if (embeds.length > 10) errors.push(['embeds', 'BASE_TYPE_MAX_LENGTH', 'Must be 10 or fewer.']);
  let total = 0;
  for (const [index, embed] of embeds.entries()) {
    const at = `embeds.${index}`;
    max(`${at}.title`, embed.title, 256);
    max(`${at}.description`, embed.description, 4_096);
    max(`${at}.footer.text`, embed.footer?.text, 2_048);
    const fields = embed.fields ?? [];
    if (fields.length > 25) {
      errors.push([`${at}.fields`, 'BASE_TYPE_MAX_LENGTH', 'Must be 25 or fewer in length.']);
    }
    for (const [place, field] of fields.entries()) {
      max(`${at}.fields.${place}.name`, field.name, 256);
      max(`${at}.fields.${place}.value`, field.value, 1_024);
      for (const name of ['name', 'value'] as const) {
        if (field[name].trim() !== '') continue;
        errors.push([
          `${at}.fields.${place}.${name}`,
          'BASE_TYPE_REQUIRED',
          'This field is required',
        ]);
      }
    }
    const texts = [embed.title, embed.description, embed.footer?.text, embed.author?.name];
    for (const text of [...texts, ...fields.flatMap((f) => [f.name, f.value])]) {
      total += (text ?? '').length;
    }
  }
  if (total > 6_000) {
    errors.push(['embeds', 'MAX_EMBED_SIZE_EXCEEDED', 'Embed size exceeds maximum size of 6000']);
  }
  return errors.length === 0 ? undefined : invalidForm(errors);
}

function checkSchema(body: unknown, check: ReturnType<typeof loadBodyCheck>): Answer | undefined {
  noteJudged('others/discordnotifications', check === undefined ? DOCUMENTATION : 'discord.json');
  const problems = check?.(body) ?? [];
  return problems.length === 0
    ? undefined
    : invalidForm(problems.map((problem) => ['schema', 'BASE_TYPE', problem]));
}

/** `{"embeds":{"0":{"fields":{"6":{"value":{"_errors":[…]}}}}}}` */
function invalidForm(errors: readonly (readonly [string, string, string])[]): Answer {
  type Tree = { [name: string]: Tree | object[] };
  const tree: Tree = {};
  for (const [path, code, message] of errors) {
    let node = tree;
    for (const name of path.split('.')) node = (node[name] ??= {}) as Tree;
    ((node['_errors'] ??= []) as object[]).push({ code, message });
  }
  return {
    status: 400,
    body: { message: 'Invalid Form Body', code: 50_035, errors: tree },
  };
}

function rateLimited(limit: {
  retryAfterSeconds: number;
  global?: boolean;
  html?: boolean;
}): Answer {
  const headers = {
    'retry-after': String(Math.ceil(limit.retryAfterSeconds)),
    'x-ratelimit-limit': '5',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset-after': String(limit.retryAfterSeconds),
    'x-ratelimit-scope': limit.global === true ? 'global' : 'user',
  };
  if (limit.html === true) return { status: 429, text: '<html>error code: 1015</html>', headers };
  return {
    status: 429,
    headers,
    body: {
      message: 'You are being rate limited.',
      retry_after: limit.retryAfterSeconds,
      global: limit.global ?? false,
    },
  };
}

function error(status: number, code: number, message: string): Answer {
  return { status, body: { message, code } };
}

function describeWebhook(version: string | undefined): object {
  return {
    application_id: null,
    avatar: null,
    channel_id: WEBHOOK.channelId,
    guild_id: '2222222222222222222',
    id: WEBHOOK.id,
    name: WEBHOOK.name,
    type: 1,
    token: WEBHOOK.token,
    url: `https://discord.com/api${version ?? ''}/webhooks/${WEBHOOK.id}/${WEBHOOK.token}`,
  };
}

function describeMessage(count: number, thread: string | undefined): object {
  return {
    id: String(9_000_000_000_000_000 + count),
    type: 0,
    channel_id: thread ?? WEBHOOK.channelId,
    webhook_id: WEBHOOK.id,
    content: '',
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function write(response: ServerResponse, { status, body, text, headers = {} }: Answer): void {
  const type = text === undefined ? 'application/json' : 'text/html';
  const limits = {
    'x-ratelimit-limit': '5',
    'x-ratelimit-remaining': '4',
    'x-ratelimit-reset-after': '2',
  };
  response.writeHead(status, { ...limits, 'content-type': type, ...headers });
  response.end(text ?? (body === undefined ? undefined : JSON.stringify(body)));
}
