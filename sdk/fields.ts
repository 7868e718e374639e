// Schemas of values that many forms have: switches and whole numbers as forms send them, names of hosts,
// the address of a panel that the operator runs.

import * as z from 'zod';

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`, 'i');

/** A switch as forms send it: `true`, "true" and "1" are on. */
export function flag(): z.ZodType<boolean, boolean | string> {
  return z
    .union([z.boolean(), z.enum(['0', '1', 'true', 'false'])])
    .transform((value) => value === true || value === '1' || value === 'true');
}

/** A whole number from `min` to `max`, also as a text. */
export function whole(min: number, max: number): z.ZodType<number> {
  return z.coerce.number().int().min(min).max(max);
}

/** A DNS name of at most `charsMax` characters, in lower case afterwards. */
export function hostName(charsMax = 253): z.ZodType<string, string> {
  return z
    .string()
    .trim()
    .max(charsMax)
    .regex(HOST_NAME, 'must be a DNS name such as web1.example.com')
    .transform((name) => name.toLowerCase());
}

/** The host of a panel in a config: a name or an address. */
export function panelHost(meta: {
  readonly label: string;
  readonly description?: string;
}): z.ZodType<string, string> {
  return z.union([z.hostname(), z.ipv6()]).meta(meta);
}

/** The port of a panel in a config. */
export function panelPort(
  standard: number,
  meta: { readonly label?: string; readonly description?: string } = {},
): z.ZodDefault<z.ZodInt> {
  return z
    .int()
    .min(1)
    .max(65_535)
    .default(standard)
    .meta({ label: 'Port', ...meta });
}

/** The address of a panel in a config, with or without "https://"; `originOf` reads it. */
export function panelAddress(example: string): z.ZodString {
  return z
    .string()
    .trim()
    .regex(
      /^(?:https?:\/\/)?(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?\/?$/i,
      `must be a host name, or an address such as "${example}"`,
    )
    .meta({ label: 'Panel address', description: `Such as ${example}` });
}
