import { defineConfig } from 'vitest/config';

// unit: no process, no port. sim: whole clusters in virtual time. cluster: real processes, one file at a time,
// because two clusters at once would starve each other on two cores. foreign: other people's clients.
const project = (name: string, include: string[], extra: object = {}) => ({
  test: { name, include, environment: 'node' as const, pool: 'forks' as const, ...extra },
});

export default defineConfig({
  test: {
    projects: [
      project(
        'unit',
        [
          'test/unit/**/*.test.ts',
          'test/scenarios/**/*.test.ts',
          'test/conformance/**/*.test.ts',
          'test/*.test.ts',
        ],
        {
          testTimeout: 20_000,
        },
      ),
      project('sim', ['test/sim/**/*.test.ts'], { testTimeout: 240_000, fileParallelism: false }),
      project('cluster', ['test/cluster/**/*.test.ts'], {
        testTimeout: 120_000,
        hookTimeout: 60_000,
        fileParallelism: false,
      }),
      project('foreign', ['test/foreign/**/*.test.ts'], {
        testTimeout: 300_000,
        hookTimeout: 120_000,
        fileParallelism: false,
        exclude: ['test/foreign/airflow/**'],
      }),
      // Apart from the others: Airflow takes minutes to install and seconds for each of its commands.
      project('airflow', ['test/foreign/airflow/**/*.test.ts'], {
        testTimeout: 300_000,
        hookTimeout: 300_000,
        fileParallelism: false,
      }),
    ],
  },
});
