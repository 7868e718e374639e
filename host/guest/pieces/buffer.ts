// Node's Buffer, for packages that want one.

export * from '../platform/buffer.ts';
