import { claimRefusals } from '../../contract/refusals.ts';
import { SERVER_VENDORS } from '../../vendors/servers.ts';

for (const vendor of SERVER_VENDORS) claimRefusals(vendor);
