import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseEndpoint, type Endpoint } from '@multigres/core';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

/** A line of the proxy's log: `msg` and the fields. */
export type ProxyLine = Readonly<Record<string, unknown>>;

/** `multigres proxy` as a user starts it: its own processes, on free ports. */
export class OwnProxy {
  readonly lines: ProxyLine[] = [];
  /** Everything on standard error. */
  output = '';
  port = 0;
  /** `http://HOST:PORT`, where it serves metrics. */
  metrics = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** Resolves when clients can come. */
  static async start(
    postgres: Endpoint & { readonly kind: 'tcp' },
    args: readonly string[] = [],
    descriptors: number | 'unlimited' = 'unlimited',
  ): Promise<OwnProxy> {
    const to = `${postgres.host}:${postgres.port}`;
    const fixed = ['proxy', '--to', to, '--listen', '0', '--log-format', 'json'];
    const command = [process.execPath, '--conditions=@multigres/source', main, ...fixed, ...args];
    const limited = descriptors === 'unlimited' ? [] : ['sh', '-c', `ulimit -n ${descriptors} && exec "$@"`, 'sh'];
    const [program, ...its] = [...limited, ...command] as [string, ...string[]];
    const child = spawn(program, its, {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const proxy = new OwnProxy(child);
    await new Promise<void>((resolve, reject) => {
      let rest = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        proxy.output += text;
        const lines = (rest + text).split('\n');
        rest = lines.pop() as string;
        for (const line of lines) proxy.#read(line);
        if (proxy.port !== 0) resolve();
      });
      child.once('exit', (code) => reject(new Error(`the proxy ended with ${code}:\n${proxy.output}`)));
    });
    return proxy;
  }

  /** Asks it to end, and answers its exit code when it has. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return await this.#ended;
  }

  #read(text: string): void {
    if (!text.startsWith('{')) return;
    const line = JSON.parse(text) as ProxyLine;
    this.lines.push(line);
    if (line['msg'] === 'metrics are served' && this.metrics === '' && !String(line['endpoint']).startsWith('/'))
      this.metrics = `http://${String(line['endpoint'])}`;
    const listen = line['msg'] === 'proxy is ready' ? parseEndpoint(String(line['listen'])) : undefined;
    if (listen?.kind === 'tcp') this.port = listen.port;
  }
}
