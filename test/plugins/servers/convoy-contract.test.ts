import { claimResumption } from '../../contract/resume.ts';
import { claimServer } from '../../contract/server.ts';
import { VENDOR } from '../../vendors/convoy/setup.ts';

claimServer(VENDOR);
// Passwords are chosen with the order and kept nowhere: after a lost reply the login link is the way in.
claimResumption(VENDOR, []);
