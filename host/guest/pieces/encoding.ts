// Text and base64: TextEncoder, TextDecoder, atob and btoa.

export * from '../platform/encoding.ts';
