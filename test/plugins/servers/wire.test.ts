import { claimWire } from '../../contract/wire.ts';
import { SERVER_VENDORS } from '../../vendors/servers.ts';

for (const vendor of SERVER_VENDORS) claimWire(vendor);
