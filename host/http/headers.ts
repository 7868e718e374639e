// Headers of every reply: all of them are data for a program, no page may frame, sniff or keep them.

/** In lower case, as Node wants them for a raw reply. */
export const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
};
