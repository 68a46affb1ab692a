import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the scripts put what the tests need from elsewhere: the same rule as in scripts/*.sh. */
export const cacheDirectory =
  process.env['QUARRY_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'quarry');
