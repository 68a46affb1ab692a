import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '../../cache-directory.ts';

const PYTHON = join(
  process.env['QUARRY_FOREIGN_DIR'] ?? join(cacheDirectory, 'foreign'),
  'pyspark-4.0.1/bin/python',
);

/** The Python that the real client is installed for. Fails with what installs it. */
export function clientPython(): string {
  if (!existsSync(PYTHON)) {
    throw new Error(`the real PySpark is not in ${PYTHON}: run scripts/foreign-pyspark.sh`);
  }
  return PYTHON;
}

/** A script beside this file, run by the real client's Python; answers what it printed. Fails with its stderr. */
export function runPython(script: string, args: readonly string[] = []): Promise<string> {
  const python = clientPython();
  return new Promise((resolve, reject) => {
    const child = spawn(python, [join(import.meta.dirname, 'scripts', script), ...args], {
      // PySpark asks for its own session by this variable; a developer's must not leak in.
      env: { ...process.env, SPARK_REMOTE: '', PYTHONWARNINGS: 'ignore', PYTHONUNBUFFERED: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${script} ended with ${code}\n${out}${err.slice(-4_000)}`));
    });
  });
}

/** A script that prints one JSON value. */
export async function runPythonJson<T>(script: string, args: readonly string[] = []): Promise<T> {
  return JSON.parse(await runPython(script, args)) as T;
}
