import { claimResumption } from '../../contract/resume.ts';
import { ENHANCE } from '../../vendors/enhance/setup.ts';

claimResumption(ENHANCE, []);
