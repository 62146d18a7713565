import type { Pooler } from '@multigres/pooler';
import { eventKind } from '../kernel/kernel.ts';
import type { SimNode, Weather } from '../world/weather.ts';
import type { PostgresNode } from './postgres-node.ts';

/** Paused pools are looked at so often. */
const lookUs = 2_000;

/**
 * An operator who pauses the pools of a pooler, resumes them, and has their backends replaced. While a pause is through nobody may log in at Postgres
 * in the users' name: that is how Postgres can be restarted without anybody noticing.
 */
export class PoolOperator {
  readonly #weather: Weather;
  readonly #node: SimNode;
  readonly #pooler: () => Pooler | undefined;
  readonly #postgres: PostgresNode;
  #pauses = 0;

  constructor(weather: Weather, node: SimNode, pooler: () => Pooler | undefined, postgres: PostgresNode) {
    this.#weather = weather;
    this.#node = node;
    this.#pooler = pooler;
    this.#postgres = postgres;
  }

  /** Answers what ends it. */
  pause(): () => void {
    const pooler = this.#pooler();
    if (!this.#node.isUp || pooler === undefined) return () => undefined;
    const { life } = this.#node;
    this.#pauses += 1;
    const mine = this.#pauses;
    const goesOn = (): boolean => this.#pauses === mine && this.#node.isUp && this.#node.life === life;
    pooler.operations.pause().then(
      () => {
        if (goesOn()) this.#watch(goesOn, this.#known());
      },
      () => undefined,
    );
    return () => {
      if (goesOn()) this.resume();
    };
  }

  resume(): void {
    this.#pauses += 1;
    // Refused if nothing is paused, or not any more.
    this.#pooler()
      ?.operations.resume()
      .catch(() => undefined);
  }

  reconnect(): void {
    if (this.#node.isUp) void this.#pooler()?.operations.reconnect();
  }

  #known(): ReadonlySet<number> {
    return new Set(this.#postgres.model?.inspect.backends().map(({ pid }) => pid));
  }

  #watch(goesOn: () => boolean, known: ReadonlySet<number>): void {
    const { kernel } = this.#weather;
    if (!goesOn()) return;
    for (const { pid, user } of this.#postgres.model?.inspect.backends() ?? []) {
      if (user !== 'postgres' && !known.has(pid)) {
        return kernel.fail('pause', `backend ${pid} of ${user} was started while everything was paused`);
      }
    }
    kernel.in(lookUs, eventKind.story, kernel.god, () => this.#watch(goesOn, known));
  }
}
