// Discord's webhook API: one message out, one look at the webhook. Knows how Discord says
// no. The address itself is the secret: it is passed on as it came and never put in a message.

import { createRemote, fail, readPath } from 'cofferdam/sdk';
import type { Context, Json, JsonObject, Remote, RemoteReply } from 'cofferdam/sdk';

import { fitEmbed } from './embed.ts';
import type { Embed } from './embed.ts';
import { cutText } from './text.ts';

/** Waits inside one call: at most this long in all, so that a call ends well before its deadline. */
const WAIT_MS_MAX = 2_000;
/** Tries of one message, the first included. */
const TRIES_MAX = 3;
/** When Discord names no time: its shortest usual window is one second, this stays clear of it. */
const UNNAMED_WAIT_MS = 5_000;

/** One message. `ping` is the only mention that is ever allowed through. */
export type Message = {
  readonly embed: Embed;
  readonly username?: string | undefined;
  readonly avatarUrl?: string | undefined;
  readonly threadId?: string | undefined;
  readonly ping?: { readonly type: 'user' | 'role'; readonly id: string } | undefined;
};

/** What the webhook says about itself. */
export type WebhookInfo = { readonly name: string; readonly channelId: string };

type Connection = { readonly config: { readonly webhookUrl: string } } & Pick<
  Context<unknown>,
  'fetch' | 'call'
>;

/**
 * Sends one message and waits until Discord has it.
 *
 * A rate limit is waited out up to `WAIT_MS_MAX`; a longer one is the failure `rate_limited` with the
 * time to wait, so that the host delivers again then.
 *
 * @returns Discord's id of the message
 */
export async function sendMessage(connection: Connection, message: Message): Promise<string> {
  const remote = connect(connection);
  const thread = message.threadId === undefined ? '' : `&thread_id=${message.threadId}`;
  const body = encodeMessage(message);
  let waitedMs = 0;
  for (let tries = 1; ; tries += 1) {
    const reply = await remote.request('POST', `?wait=true${thread}`, {
      json: body,
      accept: [429],
      signal: connection.call.signal,
    });
    if (reply.status !== 429) return readId(reply);
    const waitMs = readWait(reply);
    const room = Math.min(WAIT_MS_MAX - waitedMs, connection.call.deadlineMs - Date.now() - 1_000);
    if (tries === TRIES_MAX || waitMs > room) {
      throw fail('rate_limited', 'Discord webhook: POST answered 429: too many messages', {
        retryAfterMs: waitMs,
        remedy: 'Nothing to do: the message is sent again when Discord takes messages again',
      });
    }
    waitedMs += waitMs;
    await pause(waitMs, connection.call.signal);
  }
}

/** Reads the webhook without sending anything. */
export async function readWebhook(connection: Connection): Promise<WebhookInfo> {
  const reply = await connect(connection).request('GET', '', { signal: connection.call.signal });
  const name = readPath(reply.json ?? null, 'name');
  const channelId = readPath(reply.json ?? null, 'channel_id');
  if (typeof channelId !== 'string') {
    throw fail('invalid_response', 'Discord webhook: GET answered without a channel', {
      remedy: 'Check that the address is the whole webhook URL that Discord shows',
    });
  }
  return { name: typeof name === 'string' ? name : 'unnamed', channelId };
}

function encodeMessage({ embed, username, avatarUrl, ping }: Message): JsonObject {
  const mention = ping && (ping.type === 'role' ? `<@&${ping.id}>` : `<@${ping.id}>`);
  // `parse: []` means that no text of a message can notify anybody; only a listed id can.
  const allowed = ping ? { parse: [], [`${ping.type}s`]: [ping.id] } : { parse: [] };
  const { title, color, fields, ...rest } = fitEmbed(embed);
  return {
    embeds: [{ title, color, fields: fields.map((field) => ({ ...field })), ...rest }],
    allowed_mentions: allowed,
    ...(mention === undefined ? {} : { content: mention }),
    ...(username === undefined ? {} : { username }),
    ...(avatarUrl === undefined ? {} : { avatar_url: avatarUrl }),
  };
}

function connect({ fetch, config }: Connection): Remote {
  return createRemote({
    name: 'Discord webhook',
    fetch,
    baseUrl: config.webhookUrl,
    explain: (reply) => explainError(reply.json ?? null, reply.status),
  });
}

/** Discord's own words and codes. @see https://discord.com/developers/docs/topics/opcodes-and-status-codes#json */
function explainError(
  body: Json,
  status: number,
): { code?: 'not_found' | 'unauthorized'; message?: string; remedy?: string } | undefined {
  const code = readPath(body, 'code');
  const said = readPath(body, 'message');
  const details = flattenErrors(readPath(body, 'errors') ?? null, '');
  const message = [typeof said === 'string' ? said : `status ${status}`, ...details].join('; ');
  const remedy =
    'Create a new webhook in the channel settings of Discord and enter its URL in the configuration';
  if (code === 10_015) return { code: 'not_found', message, remedy };
  if (code === 50_027) return { code: 'unauthorized', message, remedy };
  return { message: cutText(message, 500) };
}

/** `embeds.0.fields.6.value: Must be 1024 or fewer in length.` out of the nested error object. */
function flattenErrors(errors: Json, path: string): string[] {
  if (typeof errors !== 'object' || errors === null || Array.isArray(errors)) return [];
  return Object.entries(errors).flatMap(([name, inner]) => {
    if (name !== '_errors') return flattenErrors(inner, path === '' ? name : `${path}.${name}`);
    if (!Array.isArray(inner)) return [];
    return inner.map((error) => {
      const said = readPath(error, 'message');
      return `${path}: ${typeof said === 'string' ? said : 'refused'}`;
    });
  });
}

/** The body has fractions of a second where the header has whole ones; Cloudflare sends no JSON. */
function readWait(reply: RemoteReply): number {
  const named = readPath(reply.json ?? null, 'retry_after');
  const seconds =
    typeof named === 'number' ? named : Number(reply.headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds * 1_000) : UNNAMED_WAIT_MS;
}

function readId(reply: RemoteReply): string {
  const id = readPath(reply.json ?? null, 'id');
  return typeof id === 'string' ? id : '';
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = (): void => reject(fail('timeout', 'Discord webhook: the call ended while waiting'));
  signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(resolve, ms);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}
