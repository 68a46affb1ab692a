// Regenerates proto/gen from proto/: the types of the messages, and the descriptors that protobufjs makes the wire code from at run time.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';

const root = join(import.meta.dirname, '..');

/** Longs of Quarry's own messages are ids and sizes below 2^53; Spark's and Hadoop's may be any 64-bit value. */
const SETS = [
  {
    dir: 'proto/quarry',
    out: 'proto/gen',
    longs: 'Number',
    files: () => protosIn('proto/quarry'),
    descriptors: 'proto/gen/quarry',
    /** Files that common/rpc/protocol.ts reads: each holds what it imports too. */
    described: () => protosIn('proto/quarry'),
  },
  {
    dir: 'proto/spark',
    out: 'proto/gen',
    longs: 'String',
    files: () => protosIn('proto/spark/spark/connect', 'spark/connect'),
    descriptors: 'proto/gen',
    described: () => ['spark/connect/base.proto'],
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

/** The file with all that it imports, as the JSON that protobufjs reads back. */
function describe(directory: string, file: string): string {
  const protocol = new protobuf.Root();
  const bundled = protocol.resolvePath.bind(protocol);
  // What is not ours is one of Google's own files, which protobufjs has built in.
  protocol.resolvePath = (origin, target) => {
    const path = join(directory, target);
    return existsSync(path) ? path : (bundled(origin, target) ?? target);
  };
  return JSON.stringify(protocol.loadSync(file).resolveAll().toJSON());
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
  for (const file of set.described()) {
    const out = join(root, set.descriptors, file.replace(/\.proto$/, '.json'));
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, describe(join(root, set.dir), file));
  }
}

// The per-file indexes describe clients of grpc's own loader; nothing here uses them, and they do not pass our compiler options.
for (const name of readdirSync(join(root, 'proto/gen'), { recursive: true, encoding: 'utf8' })) {
  const path = join(root, 'proto/gen', name);
  if (name.endsWith('.ts') && readFileSync(path, 'utf8').includes('interface ProtoGrpcType')) rmSync(path);
}
