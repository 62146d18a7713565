import { withPgctld } from './calls.ts';
import { changePassword } from './change-password.ts';
import type { Start } from './begin-component.ts';
import { grpcSocket, localHost, nodeNames } from './cluster.ts';
import type { NodeRecord } from './record.ts';

/** Makes the data directory of a single Postgres unless it is there, and starts it. */
export async function startPostgres(start: Start, node: NodeRecord, bin: string): Promise<string> {
  const { cluster, signal, log } = start;
  const { pgctld: name, postgres } = nodeNames(node);
  return withPgctld(grpcSocket(cluster.folder, name), async (pgctld) => {
    const { created } = await orAborted(pgctld.initDb({}, { deadlineMs: 180_000 }), signal);
    log.started.add(postgres);
    const { status } = await orAborted(pgctld.start({}, { deadlineMs: 90_000 }), signal);
    if (start.isNewPassword && !created) await changePassword(cluster, node, start.password, bin);
    return `${localHost}:${status?.port ?? 0}${created ? ' (new data directory)' : ''}`;
  });
}

/** The user need not wait for an answer that no longer matters. */
function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
