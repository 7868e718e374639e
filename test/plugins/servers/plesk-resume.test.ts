import { claimResumption } from '../../contract/resume.ts';
import { PLESK } from '../../vendors/plesk/setup.ts';

claimResumption(PLESK, ['ftpPassword']);
