import { pipe, type Connection, type Endpoint } from '@multigres/core';
import { defaultGatewayLimits, startGateway, type AuthPolicy, type Gateway } from '@multigres/gateway';
import { hostWorld } from '@multigres/host';
import { defaultPoolerLimits, startPooler, type Pooler, type PoolerLimits } from '@multigres/pooler';
import { expect } from 'vitest';
import { OwnPostgres } from './own-postgres.ts';
import { query, sync, type Step } from './script.ts';
import { WireClient } from './wire-client.ts';

export interface SideBySideOptions {
  readonly limits?: Partial<PoolerLimits>;
  /** Of Postgres, as `name=value`. */
  readonly settings?: readonly string[];
  readonly auth?: AuthPolicy;
}

/** A Postgres, and two gateways in front of it: one in the pooler's process, one over a socket. */
export class SideBySide {
  readonly postgres: OwnPostgres;
  readonly pooler: Pooler;
  readonly gateways: readonly Gateway[];

  private constructor(postgres: OwnPostgres, pooler: Pooler, gateways: readonly Gateway[]) {
    this.postgres = postgres;
    this.pooler = pooler;
    this.gateways = gateways;
  }

  static async make(options: SideBySideOptions = {}): Promise<SideBySide> {
    const postgres = await OwnPostgres.make(options.settings);
    const world = hostWorld();
    const relay: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 0 };
    const admin = { user: 'postgres', database: 'postgres' };
    const limits = {
      ...defaultPoolerLimits,
      poolBackendsMax: 6,
      sharedBackendsMax: 1,
      statementsMax: 5,
      ...options.limits,
    };
    const pooler = await startPooler(world, { id: 'pooler', relay, postgres: postgres.endpoint, limits, admin });
    const beside = async (): Promise<Connection> => {
      const [ours, theirs] = pipe();
      pooler.accept(theirs);
      return ours;
    };
    const listen = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] as const;
    const config = { listen, auth: options.auth ?? { kind: 'trust' }, limits: defaultGatewayLimits } as const;
    const gateways = [
      await startGateway(world, { ...config, id: 'beside' }, beside),
      await startGateway(world, { ...config, id: 'over a socket' }, pooler.relay as Endpoint),
    ];
    return new SideBySide(postgres, pooler, gateways);
  }

  /** Where the gateways listen. */
  get ports(): readonly number[] {
    return this.gateways.map(({ endpoints }) => (endpoints[0] as { readonly port: number }).port);
  }

  async end(): Promise<void> {
    for (const gateway of this.gateways) await gateway.stop();
    await this.pooler.stop();
    await this.postgres.remove();
  }

  /** What a client hears who says this, step by step, and that nothing else was owed to it. */
  async heard(port: number, script: readonly Step[]): Promise<string[]> {
    const client = await WireClient.connect(port, { user: 'postgres', database: 'postgres' });
    const heard: string[] = [];
    for (const [wait, ...messages] of script) {
      client.write(...messages);
      await (typeof wait === 'number' ? client.ready(wait) : client.hears(wait));
      heard.push(client.heard());
    }
    if (!client.isClosed) {
      client.write(sync, query("select 'end'"));
      await client.hears('(end)');
      await client.hears('Z');
      heard.push(client.heard().replace(/ Z:.$/, ''));
    }
    client.end();
    return heard;
  }

  /** The client hears the same from Postgres and from each gateway, also on backends that have seen it all before. */
  async same(script: readonly Step[]): Promise<void> {
    const expected = await this.heard(this.postgres.endpoint.port, script);
    for (const port of [...this.ports, ...this.ports]) expect(await this.heard(port, script)).toEqual(expected);
  }
}
