// Module hooks of a job's process. A job file may lie anywhere: `import 'quarry'` means this package, and a file whose
// package says nothing about it is an ES module, so that top-level await works.
import type { ResolveFnOutput, ResolveHookContext } from 'node:module';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { packageRoot } from '../common/package-root.ts';

type NextResolve = (
  specifier: string,
  context?: ResolveHookContext,
) => ResolveFnOutput | Promise<ResolveFnOutput>;

const ENTRIES: Readonly<Record<string, string>> = {
  quarry: 'dist/client/index.js',
  'quarry/workflow': 'dist/workflow/index.js',
};
/** It imports DAG files and nothing else: they are entries as jobs are. */
const DAG_IMPORTER = pathToFileURL(join(packageRoot, 'dist/workflow/load/import-dag-file.js')).href;

export async function resolve(
  specifier: string,
  context: ResolveHookContext,
  next: NextResolve,
): Promise<ResolveFnOutput> {
  const own = ENTRIES[specifier];
  if (own !== undefined) {
    return { url: pathToFileURL(join(packageRoot, own)).href, format: 'module', shortCircuit: true };
  }
  const resolved = await next(specifier, context);
  const isEntry = context.parentURL === undefined || context.parentURL === DAG_IMPORTER;
  return isEntry && resolved.url.startsWith('file:') ? { ...resolved, format: 'module' } : resolved;
}
