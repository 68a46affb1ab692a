import { FileSystem } from '../client/fs/file-system.ts';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { systemSeams } from '../common/seams/system.ts';
import type { Pipeline } from './start-pipeline.ts';

/** The caller closes it. */
export function fileSystemOf(pipeline: Pipeline): Promise<FileSystem> {
  return FileSystem.connect({
    namenodeAddress: pipeline.file().namenode.grpc,
    config: resolveConfig(),
    seams: systemSeams(pipeline.directory, silentLog()),
  });
}

/** Rows that the query of a checkpoint has dropped as late: its newest commit says so. */
export async function lateRowsOf(pipeline: Pipeline, view: string): Promise<number> {
  const fs = await fileSystemOf(pipeline);
  try {
    const commits = await fs.glob(`/system/checkpoints/${view}/commits/[0-9]*`);
    const newest = commits
      .map(({ path }) => path)
      .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .at(-1);
    if (newest === undefined) return 0;
    const text = (await fs.readFile(newest)).toString();
    // A line with the version comes first.
    return (JSON.parse(text.slice(text.indexOf('\n') + 1)) as { lateRowsTotal: number }).lateRowsTotal;
  } finally {
    await fs.close();
  }
}
