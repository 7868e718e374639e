import { claimResumption } from '../../contract/resume.ts';
import { DIRECTADMIN } from '../../vendors/directadmin/setup.ts';

claimResumption(DIRECTADMIN, ['password']);
