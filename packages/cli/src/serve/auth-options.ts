import { readFileSync } from 'node:fs';
import { parseHba, parseUsers, type AuthPolicy, type HbaRule, type Users } from '@multigres/gateway';
import { CliError } from '../errors.ts';
import type { ConfigFile } from './config-file/config-file.ts';

/** How clients log in, as flags and the configuration file say it; `defaultMethod` if nobody does. Throws a CliError that names every bad line. */
export function authPolicy(settings: ConfigFile, defaultMethod: 'trust' | 'scram'): AuthPolicy {
  const { method, usersFile, hba, hbaFile } = settings.auth;
  if (method !== undefined && (hba ?? hbaFile) !== undefined)
    throw new CliError('both a method for everybody and rules are given', {
      hint: 'Leave out --auth, or write it as a rule: "host all all all scram-sha-256".',
    });
  const users = usersFile === undefined ? undefined : readUsers(usersFile);
  const sources = { ...(users && { users }), lookUp: settings.postgres.adminUser !== undefined };
  const rules = hbaRules(hba, hbaFile);
  if (rules !== undefined) return { kind: 'hba', rules, ...sources };
  return { kind: method ?? (users === undefined ? defaultMethod : 'scram'), ...sources };
}

/** Whether clients prove passwords that Postgres must be asked for. */
export function needsLookUp(policy: AuthPolicy): boolean {
  if (policy.users !== undefined || policy.kind === 'trust') return false;
  return policy.kind === 'scram' || policy.rules.some(({ method }) => !['trust', 'reject', 'cert'].includes(method));
}

function hbaRules(lines: readonly string[] | undefined, file: string | undefined): readonly HbaRule[] | undefined {
  if (lines !== undefined && file !== undefined)
    throw new CliError('rules are given both in the configuration and in a file of their own', {
      hint: 'Leave out auth.hba, or --hba-file (auth.hba_file).',
    });
  if (lines === undefined && file === undefined) return undefined;
  const text = file === undefined ? (lines ?? []).join('\n') : contentOf(file, 'rules');
  const parsed = parseHba(text, file ?? 'auth.hba');
  return parsed.kind === 'rules' ? parsed.rules : refused(parsed.problems);
}

function readUsers(file: string): Users {
  const parsed = parseUsers(contentOf(file, 'users'), file);
  return parsed.kind === 'users' ? parsed.users : refused(parsed.problems);
}

function contentOf(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read the file of ${what} ${file}: ${(error as Error).message}`, { cause: error });
  }
}

function refused([first, ...others]: readonly string[]): never {
  throw new CliError(first ?? '', { quoted: others });
}
