import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of Quarry's package.json, from the sources as from dist/: what is not compiled (proto/, bin/) is found from here. */
export const packageRoot: string = (() => {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, 'package.json'))) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error(`no package.json above ${import.meta.dirname}`);
    dir = parent;
  }
  return dir;
})();
