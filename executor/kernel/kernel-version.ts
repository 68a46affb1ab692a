import { createRequire } from 'node:module';

/** The version of the kernel's package, which all executors of a driver share. Tells it without loading the kernel. */
export function kernelVersion(): string {
  const { version } = createRequire(import.meta.url)('@duckdb/node-bindings/package.json') as {
    readonly version: string;
  };
  return version;
}
