import { pathToFileURL } from 'node:url';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Dag } from '../model/dag.ts';
import { importDagFile } from './import-dag-file.ts';

/** Runs a DAG file in this process. Errors: DAG_INVALID. */
export async function loadDagFile(file: string): Promise<Dag[]> {
  const exported = await importDagFile(pathToFileURL(file).href).catch((thrown: unknown) => {
    const error = QuarryError.from(thrown);
    throw new QuarryError('DAG_INVALID', `${file}: ${error.message}`, { cause: thrown });
  });
  const dags = [exported].flat();
  if (dags.length === 0 || !dags.every(isDag)) {
    throw new QuarryError(
      'DAG_INVALID',
      `${file} does not export a DAG as its default: write export default dag('NAME', {...}, (d) => {...})`,
    );
  }
  return dags;
}

/** By its mark: a bundle may have a class of its own. */
function isDag(item: unknown): item is Dag {
  return typeof item === 'object' && item !== null && 'kind' in item && item.kind === 'quarry-dag';
}
