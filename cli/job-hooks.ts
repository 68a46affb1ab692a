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

export async function resolve(
  specifier: string,
  context: ResolveHookContext,
  next: NextResolve,
): Promise<ResolveFnOutput> {
  if (specifier === 'quarry') {
    return {
      url: pathToFileURL(join(packageRoot, 'dist/client/index.js')).href,
      format: 'module',
      shortCircuit: true,
    };
  }
  const resolved = await next(specifier, context);
  const isEntry = context.parentURL === undefined;
  return isEntry && resolved.url.startsWith('file:') ? { ...resolved, format: 'module' } : resolved;
}
