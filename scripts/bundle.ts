// Makes one file of each daemon and of the command line, with the packages that they load: dist/<role>/main.js as the compiler
// writes it loads several hundred files, and a cluster's start is bound by the processors that load them.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { globSync } from 'tinyglobby';
import { bundleWeb } from './bundle-web.ts';

const root = join(import.meta.dirname, '..');

/** Packages that find files of their own beside them: native code, threads, WebAssembly. */
const EXTERNAL = [
  '@bokuweb/zstd-wasm',
  '@duckdb/node-bindings',
  '@node-rs/crc32',
  '@polyglot-sql/sdk',
  'classic-level/binding.js',
  'lz4-napi',
  'piscina',
  'snappy',
  'tsx',
];

const SERVICES = globSync('services/*/main.ts', { cwd: root }).map((path) => dirname(path));

/** What CommonJS packages expect around them. */
const BANNER = `import { createRequire as makeRequire } from 'node:module';
import { fileURLToPath as toPath } from 'node:url';
import { dirname as toDirectory } from 'node:path';
const require = makeRequire(import.meta.url), __filename = toPath(import.meta.url), __dirname = toDirectory(__filename);`;

/** LevelDB's own JavaScript is bundled; the native part is found from where it is installed. */
const LEVEL_BINDING: Plugin = {
  name: 'level-binding',
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\/binding$/ }, ({ importer }) =>
      importer.includes('node_modules/classic-level/')
        ? { path: 'classic-level/binding.js', external: true }
        : undefined,
    );
  },
};

async function bundle(entry: string): Promise<void> {
  const directory = join(root, 'dist', dirname(entry));
  rmSync(join(directory, 'chunks'), { recursive: true, force: true });
  await build({
    entryPoints: [join(root, entry)],
    outdir: directory,
    // What is imported on use stays apart: it is loaded on use.
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: EXTERNAL,
    plugins: [LEVEL_BINDING],
    banner: { js: BANNER },
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'linked',
    logLevel: 'warning',
  });
}

await Promise.all([
  bundleWeb(join(root, 'dist', 'web')),
  ...[
    'namenode/main.ts',
    'datanode/main.ts',
    'driver/main.ts',
    'executor/main.ts',
    'cli/main.ts',
    'cluster/first-light.ts',
    'pipeline/main.ts',
    ...SERVICES.map((name) => `${name}/main.ts`),
  ].map(bundle),
]);
