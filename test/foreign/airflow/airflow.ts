import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../common/package-root.ts';
import { type Finished, run } from '../../cluster/quarry.ts';
import { cacheDirectory } from '../../cache-directory.ts';

const BIN = join(process.env['QUARRY_FOREIGN_DIR'] ?? join(cacheDirectory, 'foreign'), 'airflow-3.1.8/bin');
/** Airflow's own Python, with the PySpark client that its provider brings. */
export const airflowPython = join(BIN, 'python');

export interface Airflow {
  /** Runs `airflow WORDS...`, with more variables for this once. */
  run(words: readonly string[], more?: Record<string, string>): Promise<Finished>;
  /** Runs a script in Airflow's Python; answers the JSON of the last line that it prints. */
  python(script: string): Promise<unknown>;
  dispose(): Promise<void>;
}

/**
 * Airflow with a home and a database of its own, and the DAGs of a folder; `environment` holds its connections.
 * Fails with what installs it.
 */
export async function openAirflow(dags: string, environment: Record<string, string>): Promise<Airflow> {
  if (!existsSync(join(BIN, 'airflow'))) {
    throw new Error(`the real Airflow is not in ${BIN}: run scripts/foreign-airflow.sh`);
  }
  const home = await mkdtemp(join(tmpdir(), 'quarry-airflow-'));
  const variables = {
    AIRFLOW_HOME: home,
    AIRFLOW__CORE__DAGS_FOLDER: dags,
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: `sqlite:///${join(home, 'airflow.db')}`,
    AIRFLOW__LOGGING__LOGGING_LEVEL: 'INFO',
    // spark-submit is found where npm would put it, Python where Airflow is.
    PATH: `${join(packageRoot, 'bin')}:${BIN}:${process.env['PATH']}`,
    PYTHONWARNINGS: 'ignore',
    NO_COLOR: '1',
    ...environment,
  };
  const airflow = {
    run: (words: readonly string[], more: Record<string, string> = {}) =>
      run(join(BIN, 'airflow'), words, { ...variables, ...more }),
    async python(script: string): Promise<unknown> {
      const { code, stdout, stderr } = await run(airflowPython, ['-c', `import json\n${script}`], variables);
      if (code !== 0) throw new Error(`Airflow's Python ended with ${code}: ${stderr.slice(-2_000)}`);
      return JSON.parse(stdout.trim().split('\n').at(-1)!);
    },
    dispose: () => rm(home, { recursive: true, force: true }),
  };
  const migrated = await airflow.run(['db', 'migrate']);
  if (migrated.code !== 0) {
    await airflow.dispose();
    throw new Error(`airflow db migrate ended with ${migrated.code}: ${migrated.stderr.slice(-2_000)}`);
  }
  return airflow;
}
