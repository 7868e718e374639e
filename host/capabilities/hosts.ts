// Which host names an instance was granted: manifest entries with config filled in, and how a name
// matches them. Pure; egress.ts and secrets.ts both decide with it.

import { isIP } from 'node:net';

/** One granted host. */
export type HostRule = {
  /** As `normalHost` spells it; `*.example.com` means names below it; `*` any name. */
  readonly pattern: string;
  /** Ports besides the scheme's own; `any` for a host that an admin typed into the config. */
  readonly ports: readonly number[] | 'any';
  /** As the manifest says it, for messages. */
  readonly entry: string;
};

/** Lower case, one trailing dot and the brackets of IPv6 taken off. */
export function normalHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

/** The port of a URL, its scheme's own when it names none. */
export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'http:' ? 80 : 443;
}

/** Whether a host name is the one, or one of those, that a pattern means. */
export function matchesHost(pattern: string, hostname: string): boolean {
  if (pattern === '*') return true;
  if (!pattern.startsWith('*.')) return pattern === hostname;
  const suffix = pattern.slice(1);
  // An address has no names below it: "*.0.0.1" must not mean 127.0.0.1.
  return hostname.length > suffix.length && hostname.endsWith(suffix) && isIP(hostname) === 0;
}

/** Whether a rule lets a request of that scheme go to that port. */
export function matchesPort({ ports }: HostRule, port: number, plain: boolean): boolean {
  if (ports === 'any') return true;
  return ports.length === 0 ? port === (plain ? 80 : 443) : ports.includes(port);
}

/** Whether the rule's host was typed by an admin, not written by the author. */
export function isTyped({ entry }: HostRule): boolean {
  return entry.startsWith('{config.');
}

/**
 * The host rules of manifest entries, `{config.<field>}` filled in.
 *
 * A field may hold a name, an address or a URL. An entry whose field is empty, or that names no host,
 * gives no rule; neither does a bare `*`.
 */
export function expandHosts(
  entries: readonly string[],
  config: Readonly<Record<string, unknown>>,
): HostRule[] {
  return entries.flatMap((entry): HostRule[] => {
    const [, field, fixedPort] = /^\{config\.([A-Za-z0-9_]+)\}(?::(\d+))?$/.exec(entry) ?? [];
    if (field === undefined) return literalRule(entry);
    const value = config[field];
    const pattern = typeof value === 'string' ? readHost(value.trim()) : undefined;
    if (pattern === undefined) return [];
    const ports = fixedPort === undefined ? 'any' : [Number(fixedPort)];
    return [{ pattern, ports, entry }];
  });
}

function literalRule(entry: string): HostRule[] {
  const [, wild = '', named = entry, port] = /^(\*\.)?(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  const name = readHost(named);
  if (name === undefined) return [];
  return [{ pattern: wild + name, ports: port === undefined ? [] : [Number(port)], entry }];
}

/** The host of a name, an address or a URL, as the URL parser spells it. */
function readHost(value: string): string | undefined {
  const isUrl = /^https?:\/\//i.test(value);
  const url = URL.parse(isUrl ? value : `https://${isIP(value) === 6 ? `[${value}]` : value}`);
  const name = url === null ? '' : normalHost(url.hostname);
  // A star in a config value must not become a pattern.
  return name === '' || name.includes('*') ? undefined : name;
}
