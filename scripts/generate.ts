// Regenerates proto/gen from proto/: types only; the wire code is protobufjs at run time.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Longs of Quarry's own messages are ids and sizes below 2^53; Spark's and Hadoop's may be any 64-bit value. */
const SETS = [
  { dir: 'proto/quarry', out: 'proto/gen', longs: 'Number', files: () => protosIn('proto/quarry') },
  {
    dir: 'proto/spark',
    out: 'proto/gen',
    longs: 'String',
    files: () => protosIn('proto/spark/spark/connect', 'spark/connect'),
  },
];

function protosIn(dir: string, prefix = ''): string[] {
  const full = join(root, dir);
  if (!existsSync(full)) return [];
  return readdirSync(full)
    .filter((name) => name.endsWith('.proto'))
    .toSorted()
    .map((name) => join(prefix, name));
}

rmSync(join(root, 'proto/gen'), { recursive: true, force: true });
for (const set of SETS) {
  const files = set.files();
  if (files.length === 0) continue;
  execFileSync(
    join(root, 'node_modules/.bin/proto-loader-gen-types'),
    [
      `--longs=${set.longs}`,
      '--enums=String',
      '--defaults',
      '--oneofs',
      '--bytes=Buffer',
      '--grpcLib=@grpc/grpc-js',
      '--importFileExtension=.ts',
      '--targetFileExtension=.ts',
      '--inputTemplate=%sInput',
      '--outputTemplate=%s',
      `--includeDirs=${join(root, set.dir)}`,
      `--outDir=${join(root, set.out)}`,
      ...files,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], cwd: root },
  );
}

// The per-file indexes describe clients of grpc's own loader; nothing here uses them, and they do not pass our compiler options.
for (const name of readdirSync(join(root, 'proto/gen'), { recursive: true, encoding: 'utf8' })) {
  const path = join(root, 'proto/gen', name);
  if (name.endsWith('.ts') && readFileSync(path, 'utf8').includes('interface ProtoGrpcType')) rmSync(path);
}
