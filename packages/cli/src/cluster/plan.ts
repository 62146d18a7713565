import { randomBytes } from 'node:crypto';
import { CliError } from '../errors.ts';
import type { Folder } from './folder.ts';
import { freePorts, portHolder, probePort } from './ports.ts';
import { isShard, readRecord, type ClusterRecord, type EtcdRecord } from './record.ts';
import { dataPlace, type Account } from './unprivileged.ts';

export const defaultPort = 15_432;
const local = '127.0.0.1';

export interface UpOptions {
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly auth: 'scram' | 'trust' | undefined;
  /** One Postgres instead of a shard of three; undefined: as before, else the shard. */
  readonly single: boolean | undefined;
  /** Others reach a node only through links that can be hurt. */
  readonly links: boolean | undefined;
}

/** What there is of each kind, without the ports, which are looked for. */
interface Shape {
  readonly etcds: readonly string[];
  readonly cells: ClusterRecord['cells'];
  readonly nodes: readonly { readonly suffix: string; readonly cell: string }[];
  readonly orchestrators: ClusterRecord['orchestrators'];
  readonly gateways: readonly { readonly name: string; readonly cell: string }[];
}

const singleShape: Shape = {
  etcds: ['etcd'],
  cells: [{ name: 'local', etcd: 'etcd' }],
  nodes: [{ suffix: '', cell: 'local' }],
  orchestrators: [],
  gateways: [{ name: 'gateway', cell: 'local' }],
};

const zones = ['zone1', 'zone2', 'zone3'] as const;

/** Three cells, so that any one of them can be lost: a Postgres and an orchestrator in each, and two gateways. */
const shardShape: Shape = {
  etcds: ['etcd-global', ...zones.map((zone) => `etcd-${zone}`)],
  cells: zones.map((name) => ({ name, etcd: `etcd-${name}` })),
  nodes: zones.map((cell, i) => ({ suffix: `-${i + 1}`, cell })),
  orchestrators: zones.map((cell, i) => ({ name: `orch-${i + 1}`, cell })),
  gateways: zones.slice(0, 2).map((cell, i) => ({ name: `gateway-${i + 1}`, cell })),
};

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
  if (before !== undefined) refuseOtherForm(folder, before, options);
  const shape = before === undefined ? newShape(options) : shapeOf(before);
  const ports = await InternalPorts.find(2 * shape.etcds.length + 2 * shape.nodes.length);
  const dataElsewhere = before === undefined ? dataPlace(folder, account) : before.dataElsewhere;
  return {
    format: 2,
    clusterId: before?.clusterId ?? randomBytes(8).toString('hex'),
    auth: options.auth ?? before?.auth ?? 'scram',
    etcds: before === undefined ? shapedEtcds(shape, ports) : await keptEtcds(before, ports),
    cells: shape.cells,
    nodes: await Promise.all(
      shape.nodes.map(async ({ suffix, cell }, i) => ({
        suffix,
        cell,
        postgresPort: await ports.keep(before?.nodes[i]?.postgresPort),
        ...(options.links === true && { linkPort: before?.nodes[i]?.linkPort ?? ports.take() }),
      })),
    ),
    orchestrators: shape.orchestrators,
    gateways: await gateways(shape, before, options),
    ...(dataElsewhere === undefined ? {} : { dataElsewhere }),
  };
}

function newShape(options: UpOptions): Shape {
  return options.single === true ? singleShape : shardShape;
}

function shapeOf(record: ClusterRecord): Shape {
  return { ...record, etcds: record.etcds.map(({ name }) => name) };
}

function refuseOtherForm(folder: Folder, before: ClusterRecord, options: UpOptions): void {
  if (options.single !== true || !isShard(before)) return;
  throw new CliError(`the cluster in ${folder.root} is a shard of ${before.nodes.length} Postgres servers`, {
    hint: 'For a single one give another folder (--dir FOLDER), or remove this one first: ./mg down --destroy.',
  });
}

/** Free ports that nobody but us has to know. */
class InternalPorts {
  readonly #free: number[];

  private constructor(free: readonly number[]) {
    this.#free = [...free];
  }

  static async find(count: number): Promise<InternalPorts> {
    return new InternalPorts(await freePorts(local, count));
  }

  take(): number {
    const port = this.#free.pop();
    if (port === undefined) throw new Error('no port was looked for');
    return port;
  }

  /** The one from before, if it is still free. */
  async keep(port: number | undefined): Promise<number> {
    return port !== undefined && (await probePort(local, port)) !== undefined ? port : this.take();
  }
}

function shapedEtcds(shape: Shape, ports: InternalPorts): EtcdRecord[] {
  return shape.etcds.map((name) => ({ name, clientPort: ports.take(), peerPort: ports.take() }));
}

function keptEtcds(before: ClusterRecord, ports: InternalPorts): Promise<EtcdRecord[]> {
  return Promise.all(
    before.etcds.map(async ({ name, clientPort, peerPort }) => ({
      name,
      clientPort: await ports.keep(clientPort),
      peerPort: await ports.keep(peerPort),
    })),
  );
}

/** The first gateway is where people are sent; the others take the ports after its own, or any. */
async function gateways(
  shape: Shape,
  before: ClusterRecord | undefined,
  options: UpOptions,
): Promise<ClusterRecord['gateways']> {
  const host = options.host ?? before?.gateways[0]?.host ?? local;
  const first = await gatewayPort(host, options.port, before?.gateways[0]?.port);
  const ports = [first];
  for (const i of shape.gateways.keys()) {
    if (i > 0) ports.push(await nextPort(host, before?.gateways[i]?.port ?? first + i, ports));
  }
  return shape.gateways.map(({ name, cell }, i) => ({ name, cell, host, port: ports[i] as number }));
}

async function nextPort(host: string, wanted: number, taken: readonly number[]): Promise<number> {
  const isUsable = wanted <= 65_535 && !taken.includes(wanted);
  return (isUsable ? await probe(host, wanted) : undefined) ?? anyPort(host);
}

async function gatewayPort(host: string, asked: number | undefined, before: number | undefined): Promise<number> {
  const wanted = asked ?? before;
  if (wanted !== undefined) {
    if ((await probe(host, wanted)) === undefined) throw portInUse(wanted, asked === undefined);
    return wanted;
  }
  return (await probe(host, defaultPort)) ?? anyPort(host);
}

async function anyPort(host: string): Promise<number> {
  return (await freePorts(host, 1))[0] as number;
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
