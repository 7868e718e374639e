import { claimResumption } from '../../contract/resume.ts';
import { PROXMOX } from '../../vendors/proxmox/setup.ts';

claimResumption(PROXMOX, []);
