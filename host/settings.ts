// The host's settings, from environment names. Parsed once; a bad value or an unknown name ends the start.

import { resolve } from 'node:path';

import * as z from 'zod';

import { SettingsError } from './errors.ts';

/** Checked settings; paths are absolute. */
export type Settings = {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly extensions: readonly string[] | undefined;
  readonly adminToken: string | undefined;
  readonly databaseUrl: string | undefined;
  readonly masterKey: Buffer | undefined;
  readonly watch: boolean;
  readonly panelUrl: string | undefined;
  readonly panelSecret: string | undefined;
  /** Without a slash at the end */
  readonly publicUrl: string | undefined;
  readonly isolation: 'own' | 'shared';
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly allowUnjailed: boolean;
};

/** From quiet to loud. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

const PREFIX = 'COFFERDAM_';

const flag = z
  .enum(['0', '1'], { error: 'must be 0 or 1' })
  .default('0')
  .transform((value) => value === '1');

const schema = z.strictObject({
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port number from 0 to 65535')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be a port number from 0 to 65535')
    .default(7300),
  HOST: z.string().min(1, 'must be an address to listen on').max(255).default('127.0.0.1'),
  DATA_DIR: z.string().min(1, 'must be a folder').default('./.cofferdam'),
  EXTENSIONS: z.string().min(1, 'must be one or more folders, separated by ":"').optional(),
  ADMIN_TOKEN: z
    .string()
    .min(16, 'must have at least 16 characters')
    .max(512, 'must have at most 512 characters')
    .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII characters without blanks')
    .optional(),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(?:ql)?:\/\//, 'must start with postgres://')
    .refine(
      (url) => URL.canParse(url),
      'must be a URL: postgres://user:password@host:5432/database, special characters as %-escapes',
    )
    .optional(),
  MASTER_KEY: z
    .base64('must be 32 bytes in base64: make one with "openssl rand -base64 32"')
    .transform((text) => Buffer.from(text, 'base64'))
    .refine(
      (key) => key.length === 32,
      'must be 32 bytes in base64: make one with "openssl rand -base64 32"',
    )
    .optional(),
  WATCH: flag,
  PANEL_URL: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional(),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional(),
  PANEL_SECRET: z.string().min(24, 'must have at least 24 characters').optional(),
  ISOLATION: z.enum(['own', 'shared'], { error: 'must be "own" or "shared"' }).default('own'),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` })
    .default('info'),
  ALLOW_UNJAILED: flag,
});

/** Every name that is read from the environment. */
export const SETTING_NAMES: readonly string[] = Object.keys(schema.shape).map(
  (name) => PREFIX + name,
);

/**
 * Reads the settings.
 *
 * @param environment Names and values; only those that start with `COFFERDAM_` are looked at
 * @throws {SettingsError} With one line that names the first wrong name and the remedy
 */
export function parseSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(
    Object.entries(environment)
      .filter(([name, value]) => name.startsWith(PREFIX) && value !== undefined && value !== '')
      .map(([name, value]) => [name.slice(PREFIX.length), value]),
  );
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw new SettingsError(explain(parsed.error));
  const { data } = parsed;
  if ((data.PANEL_URL === undefined) !== (data.PANEL_SECRET === undefined)) {
    const missing = data.PANEL_URL === undefined ? 'PANEL_URL' : 'PANEL_SECRET';
    throw new SettingsError(
      `${PREFIX}${missing} is not set: PANEL_URL and PANEL_SECRET go together`,
    );
  }
  return {
    port: data.PORT,
    host: data.HOST,
    dataDir: resolve(data.DATA_DIR),
    extensions: data.EXTENSIONS?.split(':')
      .filter((path) => path !== '')
      .map((path) => resolve(path)),
    adminToken: data.ADMIN_TOKEN,
    databaseUrl: data.DATABASE_URL,
    masterKey: data.MASTER_KEY,
    watch: data.WATCH,
    panelUrl: data.PANEL_URL,
    panelSecret: data.PANEL_SECRET,
    publicUrl: data.PUBLIC_URL,
    isolation: data.ISOLATION,
    logLevel: data.LOG_LEVEL,
    allowUnjailed: data.ALLOW_UNJAILED,
  };
}

function explain(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'The settings are not valid';
  if (issue.code === 'unrecognized_keys') {
    const known = SETTING_NAMES.join(' ');
    return `${PREFIX}${issue.keys[0] ?? ''} is not a setting: known names are ${known}`;
  }
  return `${PREFIX}${issue.path.join('.')} ${issue.message}`;
}
