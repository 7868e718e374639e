// The schema half of the SDK: zod and `secret`. A script of its own, loaded when a bundle asks for it.

export { secret, z } from '../../sdk/schema.ts';
