// Others: extensions that react to events or do one job (notifications, affiliates, announcements).

import type { Context } from './capabilities.ts';
import type { Json, JsonObject } from './domain.ts';
import type { CommonHandlers, ConfigOf, ConfigSchema } from './extension.ts';

/** A page of data that the panel renders; never HTML from the sandbox. */
export type Page = {
  readonly title: string;
  readonly data: Json;
  /** Set for feeds that must be served as they are. */
  readonly contentType?: 'application/rss+xml' | 'application/feed+json' | 'text/markdown';
  readonly body?: string;
};

/** The handlers of an extension of category others: one of `execute` and `on` is required. */
export type OtherHandlers<Config> = CommonHandlers<Config, JsonObject> & {
  execute?(input: Json, ctx: Context<Config>): Promise<Json | void>;
  pages?: {
    readonly [name: string]: (
      request: { readonly params: JsonObject; readonly viewer?: JsonObject },
      ctx: Context<Config>,
    ) => Promise<Page>;
  };
};

/** Declares an extension of category others; the default export of its `extension.ts`. */
export function defineOther<const Schema extends ConfigSchema | undefined = undefined>(
  definition: { config?: Schema } & OtherHandlers<ConfigOf<Schema>>,
): { readonly category: 'others' } & typeof definition {
  return { ...definition, category: 'others' };
}
