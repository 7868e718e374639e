// Every server extension with its fake, for claims that all of them must pass.

import type { ServerVendor } from '../contract/subject.ts';
import { VENDOR as CONVOY } from './convoy/setup.ts';
import { CPANEL } from './cpanel/setup.ts';
import { DIRECTADMIN } from './directadmin/setup.ts';
import { ENHANCE } from './enhance/setup.ts';
import { PLESK } from './plesk/setup.ts';
import { PROXMOX } from './proxmox/setup.ts';
import { VENDOR as PTERODACTYL } from './pterodactyl/setup.ts';
import { virtfusion } from './virtfusion/setup.ts';
import { virtualizor } from './virtualizor/setup.ts';

/** The nine of them. */
export const SERVER_VENDORS: readonly ServerVendor[] = [
  PROXMOX,
  PTERODACTYL,
  CPANEL,
  PLESK,
  DIRECTADMIN,
  virtualizor,
  CONVOY,
  virtfusion,
  ENHANCE,
];
