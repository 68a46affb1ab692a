import { runRole } from '../../common/role.ts';
import { start } from './start.ts';

await runRole('services/web', start);
