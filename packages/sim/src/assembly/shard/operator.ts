import type { World } from '@multigres/core';
import { client, NetworkTransport, OrchService, type ExplainShardResponse, type RpcChannel } from '@multigres/rpc';
import type { Life } from '../../kernel/life.ts';
import type { Weather } from '../../world/weather.ts';
import type { OrchMachine } from './orch-machine.ts';
import { at, ports, shardKey } from './ports.ts';

const askMs = 30_000;
const lookMs = 1000;

/** An operator with a terminal, who asks whatever orchestrator answers. */
export class Operator {
  readonly life: Life;
  readonly world: World;
  readonly #channels: readonly RpcChannel[];
  /** Cells of the poolers, by name. */
  readonly #cells: ReadonlyMap<string, string>;

  constructor(weather: Weather, orchs: readonly OrchMachine[], cells: ReadonlyMap<string, string>) {
    this.life = weather.life('operator');
    this.world = weather.world(this.life, weather.machine('operator'));
    const transport = new NetworkTransport(this.world);
    this.#channels = orchs.map(({ name }) => transport.connect(at(name, ports.orch)));
    this.#cells = cells;
    weather.asked.push((wish, machine) => void this.ask(wish, machine));
  }

  /** What the first orchestrator that answers says of the shard. */
  async explain(): Promise<ExplainShardResponse | undefined> {
    for (const channel of this.#channels) {
      try {
        return await client(OrchService, channel).explainShard({ shard: shardKey }, { deadlineMs: lookMs });
      } catch {
        // The next one may answer.
      }
    }
    return undefined;
  }

  /** Whatever becomes of it: operators are refused, and may try again. */
  async ask(wish: string, machine: string): Promise<void> {
    const pooler = { cell: this.#cells.get(machine) ?? '', name: machine };
    for (const channel of this.#channels) {
      try {
        await this.#call(channel, wish, pooler);
        return;
      } catch {
        // Busy, gone, or it knows better.
      }
    }
  }

  async #call(
    channel: RpcChannel,
    wish: string,
    pooler: { readonly cell: string; readonly name: string },
  ): Promise<void> {
    const orch = client(OrchService, channel);
    const options = { deadlineMs: askMs };
    const shard = shardKey;
    switch (wish) {
      case 'switchover':
        await orch.switchover({ shard, successor: pooler, drainMs: 2000 }, options);
        return;
      case 'failover':
        await orch.failover({ shard, successor: pooler }, options);
        return;
      case 'addMember':
        await orch.addMember({ shard, pooler }, options);
        return;
      default:
        await orch.removeMember({ shard, pooler }, options);
    }
  }
}
