/** What the command ends with. */
export const exitCode = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const;

/** A benchmark that cannot be run, told in one line, and what to do about it. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
  readonly hint: string | undefined;
  /** The last lines of the log that shows why. */
  readonly quoted: readonly string[];

  constructor(message: string, more: { readonly hint?: string | undefined; readonly quoted?: readonly string[] } = {}) {
    super(message);
    this.hint = more.hint;
    this.quoted = more.quoted ?? [];
  }
}

/** A program that we started ended, or did not come up. */
export function programFailed(what: string, how: string, quoted: readonly string[]): BenchError {
  return new BenchError(`${what} ${how}`, { quoted });
}

export function tooFewDescriptors(needed: number, limit: number, whose: string): BenchError {
  return new BenchError(`${whose} needs ${needed} file descriptors, and a process may open ${limit}`, {
    hint: `Raise the limit in this shell (ulimit -n ${needed}), or take fewer connections.`,
  });
}

export function tooFewPorts(connections: number, ports: number, addresses: number): BenchError {
  return new BenchError(
    `${connections} connections need more ports than ${addresses} loopback addresses of ${ports} ports each have`,
    { hint: 'Widen net.ipv4.ip_local_port_range (sysctl), take fewer connections, or use --transport unix.' },
  );
}

export function diskFull(folder: string, neededMiB: number, freeMiB: number): BenchError {
  return new BenchError(`${folder} has ${freeMiB} MiB free, and the run needs ${neededMiB} MiB`, {
    hint: 'Make room there, or point TMPDIR at a larger file system.',
  });
}

export function folderClosed(folder: string, account: string): BenchError {
  return new BenchError(`the user ${account}, who runs Postgres, cannot work in ${folder}`, {
    hint: 'Point TMPDIR at a folder that everybody may enter, such as /tmp.',
  });
}

export function notLinux(): BenchError {
  return new BenchError('CPU and memory are read from /proc, which only Linux has', {
    hint: 'Run it on a Linux machine or in a container.',
  });
}
