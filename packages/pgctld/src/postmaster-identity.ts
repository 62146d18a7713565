export type Identity = 'ours' | 'other' | 'unsure';

function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The value of -D, attached or as the next argument. */
function directoryArgument(args: readonly string[]): string | undefined {
  const at = args.findIndex((arg) => arg.startsWith('-D'));
  if (at === -1) return undefined;
  const arg = args[at] as string;
  return arg === '-D' ? args[at + 1] : arg.slice(2);
}

function withoutEndSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/**
 * Is the process with this command line (arguments ended by NUL, as in /proc/PID/cmdline) the server of this data directory? A pid file
 * may have outlived a reboot, and its pid may now be anybody's. When in doubt the answer is not `other`: two servers on one directory
 * are worse than a refusal.
 */
export function judgeIdentity(commandLine: string | undefined, dataDirectory: string): Identity {
  if (commandLine === undefined || commandLine === '') return 'unsure';
  const args = commandLine.split('\0').filter((arg) => arg !== '');
  const program = basename(args[0] ?? '');
  // Server processes other than the postmaster overwrite their arguments with a title: "postgres: checkpointer".
  if (args[0]?.startsWith('postgres: ')) return 'other';
  if (program !== 'postgres' && program !== 'postmaster') return 'other';
  const directory = directoryArgument(args);
  if (directory === undefined || !directory.startsWith('/')) return 'unsure';
  return withoutEndSlash(directory) === withoutEndSlash(dataDirectory) ? 'ours' : 'other';
}
