import { claimResumption } from '../../contract/resume.ts';
import { CPANEL } from '../../vendors/cpanel/setup.ts';

claimResumption(CPANEL, ['password']);
