// The box in which Discord shows a message, brought within its limits. Pure.

import { cutText } from './text.ts';

/** Bounds of one embed, in characters. @see https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
export const EMBED_LIMITS = {
  title: 256,
  description: 4_096,
  fields: 25,
  fieldName: 256,
  fieldValue: 1_024,
  footer: 2_048,
  /** All texts of a message's embeds together */
  total: 6_000,
} as const;

/** One embed as it is sent; `fitEmbed` brings it within `EMBED_LIMITS`. */
export type Embed = {
  readonly title: string;
  readonly color: number;
  readonly fields: readonly { name: string; value: string; inline: boolean }[];
  readonly description?: string;
  readonly url?: string;
  readonly timestamp?: string;
  readonly footer?: { readonly text: string };
};

/** Cuts every text to its limit, drops empty and surplus fields, keeps the whole under the total. */
export function fitEmbed(embed: Embed): Embed {
  let room: number = EMBED_LIMITS.total;
  const fit = (text: string, max: number): string => {
    const cut = cutText(text, Math.min(max, room));
    room -= cut.length;
    return cut;
  };
  const title = fit(embed.title, EMBED_LIMITS.title);
  const footer = embed.footer && { text: fit(embed.footer.text, EMBED_LIMITS.footer) };
  const fields = [];
  for (const field of embed.fields.filter(({ value }) => value.trim() !== '')) {
    // Half a field tells nothing: stop when not even a short value has room.
    if (fields.length === EMBED_LIMITS.fields || room < field.name.length + 16) break;
    const name = fit(field.name, EMBED_LIMITS.fieldName);
    fields.push({ ...field, name, value: fit(field.value, EMBED_LIMITS.fieldValue) });
  }
  const { description: text, ...rest } = embed;
  // Last, because it is the longest and loses the least by a cut.
  const description = text === undefined ? '' : fit(text, EMBED_LIMITS.description);
  return {
    ...rest,
    title,
    fields,
    ...(footer === undefined ? {} : { footer }),
    ...(description === '' ? {} : { description }),
  };
}
