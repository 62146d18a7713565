// ./mg check [NAME...]: all checks that need no test run, or those named. Prints each with its time, and on failure
// file, line and rule. Ends with code 1 if any failed.
import { ambient } from './ambient.ts';
import { arrows } from './arrows.ts';
import { protos } from './checks/protos.ts';
import { format, lint, manifests, types, unused } from './checks/tools.ts';
import { docs } from './docs/docs.ts';
import { formatFinding, type Finding } from './finding.ts';
import { packageSources } from './source/files.ts';
import { formatTally, type Tally } from './tally.ts';
import { words } from './words.ts';

type Check = () => Finding[] | Promise<Finding[]>;

/** The longest first, so that none is left alone at the end. */
const checks: Readonly<Record<string, Check>> = {
  types,
  lint,
  docs,
  unused,
  protos,
  arrows: () => arrows(packageSources()),
  ambient: () => ambient(packageSources()),
  words,
  format,
  manifests,
};

const atOnceMax = 2;
const findingsShownMax = 50;

/** Runs the named checks (all, if none is named), a few at once, and prints how each went. */
export async function runChecks(names: readonly string[] = Object.keys(checks)): Promise<Tally> {
  const waiting = [...names];
  let [passed, failed] = [0, 0];
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const isClean = await runCheck(name);
      if (isClean) passed += 1;
      else failed += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnceMax }, worker));
  return { passed, failed };
}

async function runCheck(name: string): Promise<boolean> {
  const startMs = performance.now();
  const findings = await findingsOf(name);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1).padStart(5);
  const verdict = findings.length === 0 ? 'ok  ' : 'FAIL';
  const shown = findings.slice(0, findingsShownMax).map((finding) => `  ${formatFinding(finding)}`);
  if (findings.length > shown.length) shown.push(`  and ${findings.length - shown.length} more`);
  console.log([`${verdict} ${name.padEnd(10)} ${seconds} s`, ...shown].join('\n'));
  return findings.length === 0;
}

async function findingsOf(name: string): Promise<Finding[]> {
  try {
    return (await checks[name]?.()) ?? [];
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return [{ file: '(repository)', line: 0, rule: name, text }];
  }
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !(name in checks));
  if (unknown.length > 0) {
    console.error(`usage: mg check [NAME...]\nNAME is one of: ${Object.keys(checks).join(', ')}`);
    return names.includes('--help') ? 0 : 2;
  }
  const tally = await runChecks(names.length > 0 ? names : undefined);
  console.log(formatTally(tally));
  return tally.failed === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
