import { claimServer } from '../../contract/server.ts';
import { PROXMOX } from '../../vendors/proxmox/setup.ts';

claimServer(PROXMOX);
