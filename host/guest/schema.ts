// The schema half of the SDK: zod and its fields. A script of its own, loaded when a bundle asks for it.

export { fingerprint, secret, z } from '../../sdk/schema.ts';
