import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8, type Command, type LogFields, type LogLevel, type TlsMaterial, type World } from '@multigres/core';
import {
  contracts,
  type Behaviour,
  type ContractTools,
  type LoggedLine,
  type TlsTools,
} from '@multigres/core/contract';
import { describe, it } from 'vitest';
import { HostNetwork } from './network.ts';
import { TestAuthority } from './testing/certificates.ts';
import { hostWorld } from './world.ts';

/** The behaviour as a shell command. What it prints lies in files, because long texts do not fit into an argument. */
function script(behaviour: Behaviour, directory: string): string {
  switch (behaviour.kind) {
    case 'print': {
      writeFileSync(join(directory, 'stdout'), behaviour.stdout);
      writeFileSync(join(directory, 'stderr'), behaviour.stderr);
      return `cat ${directory}/stdout; cat ${directory}/stderr >&2; exit ${behaviour.code}`;
    }
    case 'cat':
      return 'exec cat';
    case 'environment':
      return `printf '%s=%s\\n' ${behaviour.name} "$${behaviour.name}"`;
    case 'wait':
      return `trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done`;
    case 'stubborn':
      return `trap '' TERM; echo ready; while :; do sleep 0.05; done`;
  }
}

function parsed(text: string): LoggedLine {
  const { level, msg, time: _time, ...fields } = JSON.parse(text) as LogFields & { level: LogLevel; msg: string };
  return { level, message: msg, fields };
}

/** Whether a signal has stopped the process: the state after its name in /proc. */
function isStopped(pid: number): boolean {
  return /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** A port whose owner never accepts, with its queue full: the system drops what else wants to connect. */
async function silentPort(): Promise<{ port: number; close: () => void }> {
  // A child listens and is stopped; then connects fill its queue of one, which takes two.
  const program = `const s=require('net').createServer(()=>{});s.listen({port:0,host:'127.0.0.1',backlog:1},()=>console.log(s.address().port))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve) => child.stdout.once('data', (text) => resolve(Number(text))));
  child.kill('SIGSTOP');
  while (!isStopped(child.pid as number)) await new Promise((resolve) => setImmediate(resolve));
  const fillers = Array.from({ length: 4 }, () =>
    createConnection({ port, host: '127.0.0.1' }).on('error', () => undefined),
  );
  await new Promise<void>((resolve) => {
    let connected = 0;
    const count = (): void => {
      connected += 1;
      if (connected === 2) resolve();
    };
    for (const filler of fillers) filler.once('connect', count);
  });
  return {
    port,
    close: () => {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}

function tlsTools(): TlsTools {
  const authority = new TestAuthority('authority of the contract');
  const material = (from: TestAuthority, commonName: string): TlsMaterial => {
    const issued = from.issue({ commonName, names: ['db.example'], organization: 'Example' });
    return { certificate: utf8(issued.certificate), key: utf8(issued.key) };
  };
  return {
    server: material(authority, 'db.example'),
    client: material(authority, 'joe'),
    stranger: material(new TestAuthority('somebody else'), 'joe'),
    trusting: { authorities: utf8(authority.certificate) },
  };
}

const tls: TlsTools = tlsTools();

async function withTools(
  run: (world: World, tools: ContractTools) => Promise<void>,
  options: { documentedOnly: boolean },
): Promise<void> {
  const lines: LoggedLine[] = [];
  const base = hostWorld({ log: { level: 'debug', format: 'json', write: (line) => lines.push(parsed(line)) } });
  const world = { ...base, network: new HostNetwork(base.clock, options) };
  const directory = await mkdtemp(join(tmpdir(), 'mg-'));
  const texts = await mkdtemp(join(tmpdir(), 'mg-'));
  const closing: (() => void)[] = [];
  const tools: ContractTools = {
    other: world,
    host: '127.0.0.1',
    directory,
    lines: () => lines,
    tls,
    command: (behaviour): Command => ({ program: '/bin/sh', args: ['-c', script(behaviour, texts)] }),
    silent: async () => {
      const { port, close } = await silentPort();
      closing.push(close);
      return { kind: 'tcp', host: '127.0.0.1', port };
    },
  };
  try {
    await run(world, tools);
  } finally {
    for (const close of closing) close();
    for (const made of [directory, texts]) await rm(made, { recursive: true, force: true });
  }
}

for (const [port, tests] of Object.entries(contracts)) {
  describe(`the contract of the ${port}, on this machine`, () => {
    for (const test of tests)
      it(test.name, () => withTools((world, tools) => test.run(world, tools), { documentedOnly: false }));
  });
}

describe('the contract of the network, with the documented interface of Node only', () => {
  for (const test of contracts.network)
    it(test.name, () => withTools((world, tools) => test.run(world, tools), { documentedOnly: true }));
});
