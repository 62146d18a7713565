// All tests beside the code: unit, property, and those that need a real Postgres.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCommand } from '../run-command.ts';
import { one, type Tally } from '../tally.ts';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly unknown[];
  }[];
}

export async function unitTests(filters: readonly string[] = []): Promise<Tally> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mg-unit-'));
  try {
    const file = path.join(folder, 'report.json');
    const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...filters];
    const { code } = await runCommand('vitest', args, { shown: true, timeoutMs: 3_600_000 });
    return tallyOf(JSON.parse(readFileSync(file, 'utf8')) as Report, code);
  } catch (error) {
    console.log(`the tests could not be run: ${error instanceof Error ? error.message : String(error)}`);
    return one(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function tallyOf(report: Report, code: number | null): Tally {
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0) console.log(`${skipped} tests were skipped`);
  // A file that could not even be loaded has no tests that could fail.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  const failed = report.numFailedTests + broken.length;
  // An error outside of any test (a rejection that nobody handles) fails the run without failing a test.
  return { passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}
