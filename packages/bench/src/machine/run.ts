import { spawn } from 'node:child_process';
import { BenchError } from '../errors.ts';
import type { Account } from './account.ts';

/** Programs that run to their end: an interrupted run ends them first. */
const running = new Set<() => void>();

export interface RunCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly runAs?: Account | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly msMax: number;
}

/** Runs a program to its end and answers its standard output. Throws a BenchError with its last words if it fails. */
export function run(command: RunCommand): Promise<string> {
  const { program, args, runAs, env, directory, msMax } = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: directory ?? '/',
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout: msMax,
      killSignal: 'SIGKILL',
      ...(runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }),
    });
    const end = (): void => void child.kill('SIGKILL');
    running.add(end);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-8192)));
    child.once('error', (error) => reject(new BenchError(`${program} cannot be started: ${error.message}`)));
    child.once('close', (code, signal) => {
      running.delete(end);
      if (code === 0) return resolve(stdout);
      const name = program.slice(program.lastIndexOf('/') + 1);
      const how = signal === null ? `exit code ${code}` : `signal ${signal} (limit ${msMax / 1000} s)`;
      reject(new BenchError(`${name} ended with ${how}`, { quoted: stderr.trimEnd().split('\n').slice(-8) }));
    });
  });
}

/** Ends what `run` has under way. */
export function endRunning(): void {
  for (const end of running) end();
}
