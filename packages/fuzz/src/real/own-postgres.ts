import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTool } from '@multigres/host';

/** A fresh Postgres that trusts everybody on this machine. */
export class OwnPostgres {
  readonly port: number;
  readonly #folder: string;
  readonly #server: ChildProcess;

  private constructor(port: number, folder: string, server: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#server = server;
  }

  static async start(say: (line: string) => void): Promise<OwnPostgres> {
    const { bin } = await ensureTool('postgres-17', say);
    const folder = mkdtempSync(join(tmpdir(), 'multigres-fuzz-'));
    const account = unprivileged();
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    const data = join(folder, 'data');
    const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '--locale=C', '-E', 'UTF8'];
    execFileSync(join(bin, 'initdb'), options, { ...account, cwd: folder, env: {}, stdio: 'pipe' });
    const port = await freePort();
    const settings = {
      listen_addresses: '127.0.0.1',
      port,
      unix_socket_directories: folder,
      fsync: 'off',
      log_min_messages: 'panic',
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
    appendFileSync(join(data, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
    const server = spawn(join(bin, 'postgres'), ['-D', data], { ...account, cwd: folder, env: {}, stdio: 'ignore' });
    return new OwnPostgres(port, folder, server);
  }

  async stop(): Promise<void> {
    if (this.#server.exitCode === null) {
      const gone = new Promise((resolve) => this.#server.once('exit', resolve));
      this.#server.kill('SIGINT');
      await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Postgres refuses to run as root. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === 'postgres' || name === 'nobody') return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}
