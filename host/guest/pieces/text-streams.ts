// Streams that encode, decode and compress.

export * from '../platform/text-streams.ts';
