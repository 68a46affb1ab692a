// Every check and every test of the repository, one after another. The last line is `N passed, N failed`; the exit code is 0 only when none failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const CHECKS = ['check:types', 'check:lint', 'check:format', 'check:unused'];
const PROJECTS = ['unit', 'sim', 'cluster', 'foreign'];

interface Outcome {
  passed: number;
  failed: number;
}

function check(name: string): Outcome {
  const { status } = spawnSync('npm', ['run', '--silent', name], { cwd: root, stdio: ['ignore', 2, 2] });
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

function project(name: string, reports: string): Outcome {
  const report = join(reports, `${name}.json`);
  const { status } = spawnSync(
    join(root, 'node_modules/.bin/vitest'),
    ['run', '--project', name, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    { cwd: root, stdio: ['ignore', 2, 2] },
  );
  const result = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numFailedTestSuites: number;
  };
  // A skipped test, a file that could not be loaded and a run without tests all count as failures: nothing passes by being left out.
  const failed = result.numFailedTests + result.numPendingTests;
  const broken = failed === 0 && (status !== 0 || result.numPassedTests === 0) ? 1 : 0;
  return { passed: result.numPassedTests, failed: failed + broken };
}

const reports = mkdtempSync(join(tmpdir(), 'quarry-reports-'));
const total: Outcome = { passed: 0, failed: 0 };
try {
  const steps = [
    ...CHECKS.map((name) => () => [name, check(name)] as const),
    ...PROJECTS.map((name) => () => [name, project(name, reports)] as const),
  ];
  for (const step of steps) {
    const startedMs = performance.now();
    const [name, outcome] = step();
    console.error(
      `== ${name}: ${outcome.passed} passed, ${outcome.failed} failed in ${Math.round((performance.now() - startedMs) / 1000)} s`,
    );
    total.passed += outcome.passed;
    total.failed += outcome.failed;
  }
} finally {
  rmSync(reports, { recursive: true, force: true });
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
