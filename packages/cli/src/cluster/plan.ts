import { CliError } from '../errors.ts';
import type { Folder } from './folder.ts';
import { freePorts, portHolder, probePort } from './ports.ts';
import { readRecord, type ClusterRecord } from './record.ts';
import { dataPlace, type Account } from './unprivileged.ts';

export const defaultPort = 15_432;
const local = '127.0.0.1';

export interface UpOptions {
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly auth: 'scram' | 'trust' | undefined;
}

/**
 * What to start: what the cluster had before, changed by what was asked for now. A port that was named, now or by an earlier start, is never
 * replaced silently, because people have written it down; ports that only we know are.
 */
export async function planCluster(
  folder: Folder,
  account: Account | undefined,
  options: UpOptions,
): Promise<ClusterRecord> {
  const before = readRecord(folder);
  const host = options.host ?? before?.gateway.host ?? local;
  const port = await gatewayPort(host, options.port, before?.gateway.port);
  const dataElsewhere = before === undefined ? dataPlace(folder, account) : before.dataElsewhere;
  return {
    format: 1,
    auth: options.auth ?? before?.auth ?? 'scram',
    gateway: { host, port },
    ...(await internalPorts(before)),
    ...(dataElsewhere === undefined ? {} : { dataElsewhere }),
  };
}

async function gatewayPort(host: string, asked: number | undefined, before: number | undefined): Promise<number> {
  const wanted = asked ?? before;
  if (wanted !== undefined) {
    if ((await probe(host, wanted)) === undefined) throw portInUse(wanted, asked === undefined);
    return wanted;
  }
  return (await probe(host, defaultPort)) ?? ((await probe(host, 0)) as number);
}

async function probe(host: string, port: number): Promise<number | undefined> {
  try {
    return await probePort(host, port);
  } catch (error) {
    throw new CliError(`cannot listen on ${host}:${port}: ${(error as Error).message}`, {
      hint: 'Give an address of this machine (--host) and a port that you may use (--port).',
      cause: error,
    });
  }
}

export function portInUse(port: number, isOurs: boolean): CliError {
  const holder = portHolder(port);
  const by = holder === undefined ? 'another program' : holder;
  const whose = isOurs ? `port ${port}, where this cluster's gateway listens,` : `port ${port}`;
  return new CliError(`${whose} is in use by ${by}`, {
    hint: `Stop that program, or choose another port: --port N.`,
  });
}

async function internalPorts(before: ClusterRecord | undefined): Promise<Pick<ClusterRecord, 'postgresPort' | 'etcd'>> {
  const [postgresPort, clientPort, peerPort] = (await freePorts(local, 3)) as [number, number, number];
  const keep = async (port: number | undefined, instead: number): Promise<number> =>
    port !== undefined && (await probePort(local, port)) !== undefined ? port : instead;
  return {
    postgresPort: await keep(before?.postgresPort, postgresPort),
    etcd: {
      clientPort: await keep(before?.etcd.clientPort, clientPort),
      peerPort: await keep(before?.etcd.peerPort, peerPort),
    },
  };
}
