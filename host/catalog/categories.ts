// The three categories of extensions.

/** In the order they are listed. */
export const CATEGORIES = ['servers', 'gateways', 'others'] as const;

/** One of `CATEGORIES`. */
export type Category = (typeof CATEGORIES)[number];
