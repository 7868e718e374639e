// The schema half of the SDK: zod and its fields. Loaded when a bundle asks for it.

export { flag, hostName, panelAddress, panelHost, panelPort, whole } from '../../../sdk/fields.ts';
export { fingerprint, secret, z } from '../../../sdk/schema.ts';
