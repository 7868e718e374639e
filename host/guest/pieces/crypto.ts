// Random values, keys and what is done with them.

export * from '../platform/crypto.ts';
export * from '../platform/crypto-keys.ts';
