// Headers of every reply. All but the host's own pages are data for a program: nobody may frame, sniff or
// keep them. Pages may use their own files and the API beside them, and nothing else.

const SHARED = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/** Of data. In lower case, as Node wants them for a raw reply. */
export const SAFE_HEADERS = {
  ...SHARED,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};

/**
 * Of a page and its files. Hooks answer on the same origin with what strangers' code says: so text never
 * becomes script (trusted types), and neither forms nor frames lead anywhere.
 */
export const PAGE_HEADERS = {
  ...SHARED,
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};
