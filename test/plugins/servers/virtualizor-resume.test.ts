import { claimResumption } from '../../contract/resume.ts';
import { virtualizor } from '../../vendors/virtualizor/setup.ts';

claimResumption(virtualizor, ['rootPassword']);
