// Discord's own description of its API, as a check for the bodies that the fake gets.
// Present only beside a checkout that has the shared specifications; without it nothing is checked.

import { existsSync, readFileSync } from 'node:fs';

import { Ajv2020 } from 'ajv/dist/2020.js';

const SPEC = new URL('../../../../shared/specs/discord.json', import.meta.url);

type Schema = { readonly [name: string]: unknown };

/** Says what is wrong with a message body; an empty list means nothing. */
export type BodyCheck = (body: unknown) => string[];

/** The check of `POST /webhooks/{id}/{token}`; undefined where the specification is absent. */
export function loadBodyCheck(): BodyCheck | undefined {
  if (!existsSync(SPEC)) return undefined;
  const spec = JSON.parse(readFileSync(SPEC, 'utf8')) as { components: { schemas: Schema } };
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema(spec, 'discord');
  const validate = ajv.compile({
    $ref: 'discord#/components/schemas/IncomingWebhookRequestPartial',
  });
  return (body) => {
    const ok = validate(body);
    const errors = ok
      ? []
      : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    return [...errors, ...findUnknown(body, spec.components.schemas)];
  };
}

/** The schema lets unknown names pass, Discord drops them in silence: both hide a typing mistake. */
function findUnknown(body: unknown, schemas: Schema): string[] {
  const { embeds = [], allowed_mentions: mentions = {} } = body as {
    embeds?: { fields?: object[] }[];
    allowed_mentions?: object;
  };
  const unknown = (value: object, name: string): string[] => {
    const { properties } = schemas[name] as { properties: object };
    return Object.keys(value)
      .filter((key) => !Object.hasOwn(properties, key))
      .map((key) => `${name} has no "${key}"`);
  };
  return [
    ...unknown(body as object, 'IncomingWebhookRequestPartial'),
    ...unknown(mentions, 'MessageAllowedMentionsRequest'),
    ...embeds.flatMap((embed) => unknown(embed, 'RichEmbed')),
    ...embeds.flatMap(({ fields = [] }) => fields.flatMap((f) => unknown(f, 'RichEmbedField'))),
  ];
}
