import { claimResumption } from '../../contract/resume.ts';
import { claimServer } from '../../contract/server.ts';
import { VENDOR } from '../../vendors/pterodactyl/setup.ts';

claimServer(VENDOR);
claimResumption(VENDOR, []);
