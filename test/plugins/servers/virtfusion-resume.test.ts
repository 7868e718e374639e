import { claimResumption } from '../../contract/resume.ts';
import { virtfusion } from '../../vendors/virtfusion/setup.ts';

claimResumption(virtfusion, ['rootPassword']);
