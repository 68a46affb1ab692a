import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const web = join(import.meta.dirname, '..', 'web');

/** The dashboard's files for a browser: index.html, main.js, style.css, icon.svg. */
export async function bundleWeb(directory: string): Promise<void> {
  await build({
    entryPoints: [join(web, 'main.ts'), join(web, 'style.css')],
    outdir: directory,
    bundle: true,
    minify: true,
    platform: 'browser',
    format: 'esm',
    // light-dark() and what else the style sheet takes for granted.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    legalComments: 'eof',
    logLevel: 'warning',
  });
  for (const name of ['index.html', 'icon.svg']) await cp(join(web, name), join(directory, name));
}
