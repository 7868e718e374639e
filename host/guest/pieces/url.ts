// URL and URLSearchParams.

export * from '../platform/url.ts';
