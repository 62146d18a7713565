// The checks that others have written, with their findings in our words: file, line, rule.
import type { Finding } from '../finding.ts';
import { runCommand } from '../run-command.ts';

export async function format(): Promise<Finding[]> {
  const { code, stdout, stderr } = await runCommand('oxfmt', ['--check']);
  if (code === 0) return [];
  const files = [...stdout.matchAll(/^(\S+) \(\d+ms\)$/gm)].map(([, file = '']) => file);
  return orWhole(
    'format',
    stdout + stderr,
    files.map((file) => at(file, 0, 'format', 'is not formatted; run ./mg fmt')),
  );
}

export async function lint(): Promise<Finding[]> {
  const { code, stdout, stderr } = await runCommand('oxlint', ['--format=unix']);
  if (code === 0) return [];
  const found = [...stdout.matchAll(/^([^\s:]+):(\d+):\d+: (.*) \[\w+\/(.+)\]$/gm)];
  return orWhole(
    'lint',
    stdout + stderr,
    found.map(([, file, line, text, rule]) => at(file, line, `lint ${rule}`, text)),
  );
}

export async function types(): Promise<Finding[]> {
  const { code, stdout, stderr } = await runCommand('tsc', ['-b', '--pretty', 'false']);
  return code === 0 ? [] : orWhole('types', stdout + stderr, compilerFindings('types', stdout));
}

/** What the compiler says, each with its first line. */
export function compilerFindings(rule: string, output: string): Finding[] {
  const found = [...output.matchAll(/^(\S+?)\((\d+),\d+\): error (TS\d+): (.*)$/gm)];
  return found.map(([, file, line, number, text]) => at(file, line, `${rule} ${number}`, text));
}

export async function unused(): Promise<Finding[]> {
  const { code, stdout, stderr } = await runCommand('knip', ['--reporter=json', '--no-progress']);
  if (code === 0) return [];
  return orWhole('unused', stdout + stderr, knipFindings(stdout));
}

interface KnipItem {
  readonly name: string;
  readonly line?: number;
}

/** Per file, a list per kind of finding. */
type KnipIssue = { readonly file: string } & Readonly<Record<string, readonly KnipItem[] | string>>;

function knipFindings(output: string): Finding[] {
  const { issues } = parsedOr<{ issues: readonly KnipIssue[] }>(output, { issues: [] });
  return issues.flatMap(({ file, ...kinds }) =>
    Object.entries(kinds).flatMap(([kind, items]) =>
      typeof items === 'string'
        ? []
        : items.map(({ name, line }) => at(file, line, `unused ${kind}`, `${name}; remove it, or use it`)),
    ),
  );
}

function parsedOr<T>(text: string, fallback: T): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    return fallback;
  }
}

export async function manifests(): Promise<Finding[]> {
  const { code, stdout, stderr } = await runCommand('sherif', [], { env: { NO_COLOR: '1' } });
  return code === 0 ? [] : [at('package.json', 0, 'manifests', `sherif says:\n${(stdout + stderr).trim()}`)];
}

export function at(
  file: string | undefined,
  line: string | number | undefined,
  rule: string,
  text: string | undefined,
): Finding {
  return { file: file ?? '', line: Number(line ?? 0), rule, text: text ?? '' };
}

/** Never silent: if nothing could be read from the output of a check that failed, its output is the finding. */
export function orWhole(rule: string, output: string, findings: Finding[]): Finding[] {
  return findings.length > 0 ? findings : [at('(repository)', 0, rule, output.trim() || 'failed without a word')];
}
