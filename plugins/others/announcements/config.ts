// What an admin enters for the announcements of one panel.

import { z } from 'cofferdam/sdk';
import type { Context } from 'cofferdam/sdk';

/** The config form. */
export const config = z.object({
  siteUrl: z
    .url({ protocol: /^https$/, error: 'must be an https address' })
    .max(500)
    .transform((url) => url.replace(/\/+$/, ''))
    .meta({ label: 'Address of the panel', description: 'Links in feeds begin with it' }),
  title: z.string().min(1).max(200).default('Announcements').meta({ label: 'Title of the feeds' }),
  description: z.string().max(500).default('').meta({ label: 'Description of the feeds' }),
  language: z
    .string()
    .regex(/^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, 'must be a language tag such as "en"')
    .default('en')
    .meta({ label: 'Language of the feeds' }),
  perPage: z.int().min(1).max(50).default(10).meta({ label: 'Announcements on a page' }),
  inFeed: z.int().min(1).max(50).default(20).meta({ label: 'Announcements in a feed' }),
  inWidget: z.int().min(1).max(20).default(3).meta({ label: 'Announcements in the widget' }),
});

/** The context of every handler of this extension. */
export type Ctx = Context<z.output<typeof config>>;
