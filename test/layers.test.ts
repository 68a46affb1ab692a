import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** Who may import whom, besides itself and the generated types. A longer prefix wins over a shorter one. */
const LAYERS: Record<string, readonly string[]> = {
  common: [],
  namenode: ['common'],
  datanode: ['common'],
  'client/fs': ['common'],
  client: ['client/fs', 'common'],
  log: ['common'],
  sinks: ['common'],
  executor: ['client/fs', 'common', 'log', 'sinks'],
  driver: ['client/fs', 'common', 'log', 'sinks'],
  services: ['client', 'client/fs', 'common', 'log', 'sinks'],
  'services/workflow': ['common', 'workflow'],
  workflow: ['client', 'client/fs', 'common', 'sinks'],
  web: ['common'],
  cluster: ['client', 'client/fs', 'common', 'log', 'sinks'],
  pipeline: ['client', 'client/fs', 'cluster', 'common', 'log', 'services', 'sinks'],
  cli: ['client', 'client/fs', 'cluster', 'common', 'log', 'sinks', 'workflow'],
  bench: ['client', 'client/fs', 'cluster', 'common', 'datanode', 'executor', 'log', 'services', 'sinks'],
  examples: ['client', 'workflow'],
  scripts: ['common'],
};
function layerOf(file: string): string | undefined {
  return Object.keys(LAYERS)
    .filter((layer) => file === layer || file.startsWith(`${layer}/`))
    .toSorted((a, b) => b.length - a.length)[0];
}

/** What is wrong with `file` importing `target`, both relative to the root; undefined when nothing is. */
export function violation(file: string, target: string): string | undefined {
  const from = layerOf(file);
  if (from === undefined || target.startsWith('proto/gen/')) return undefined;
  const to = layerOf(target);
  if (to === undefined) return `${file} imports ${target}, which is in no layer`;
  if (from === to) return undefined;
  if (!LAYERS[from]!.includes(to)) return `${file} imports ${target}: ${from} may not import ${to}`;
  return undefined;
}

function sources(): string[] {
  return Object.keys(LAYERS)
    .filter((layer) => !layer.includes('/'))
    .flatMap((layer) =>
      readdirSync(join(root, layer), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(layer, name)),
    );
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) =>
    relative(root, join(root, dirname(file), match[1]!)),
  );
}

describe('layers', () => {
  it('sees violations where there are some', () => {
    expect(violation('common/path.ts', 'namenode/namenode.ts')).toContain('may not import');
    expect(violation('client/fs/file-system.ts', 'client/session.ts')).toContain('may not import');
    expect(violation('cluster/launch.ts', 'namenode/main.ts')).toContain('may not import');
    expect(violation('driver/a.ts', 'client/fs/file-system.ts')).toBeUndefined();
    expect(violation('driver/a.ts', 'proto/gen/quarry/Block.ts')).toBeUndefined();
  });

  it('are kept by every import', () => {
    const files = sources();
    expect(files.length).toBeGreaterThan(20);
    const violations = files.flatMap((file) =>
      importsOf(file).flatMap((target) => violation(file, target) ?? []),
    );
    expect(violations).toEqual([]);
  });
});
