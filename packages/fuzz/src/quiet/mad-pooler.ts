import type { Connection, Endpoint, World } from '@multigres/core';
import type { Dice } from '../generate/dice.ts';
import { damage, framed } from '../generate/mutate.ts';
import { hello, poolerFrame } from '../generate/relay-frames.ts';

/** A pooler that says whatever it likes. */
export class MadPooler {
  readonly #dice: Dice;
  readonly #connections: Set<Connection> = new Set();
  #over = false;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  async listen(world: World, endpoint: Endpoint): Promise<void> {
    await world.network.listen(endpoint, (connection) => this.#accept(connection));
  }

  /** It is dead: who waits for it must learn of that. */
  die(): void {
    this.#over = true;
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(connection: Connection): void {
    if (this.#over) return connection.destroy();
    this.#connections.add(connection);
    connection.attach({
      data: () => this.#rave(connection),
      end: () => connection.end(),
      drain: () => {},
      closed: () => this.#connections.delete(connection),
    });
    connection.write(hello(this.#dice));
  }

  #rave(connection: Connection): void {
    const dice = this.#dice;
    for (let count = dice.below(6); count > 0; count--) {
      const frame = poolerFrame(dice.below(12), dice);
      connection.write(dice.chance(0.03) ? damage(frame, framed, dice) : frame);
    }
    if (dice.chance(0.02)) connection.destroy();
  }
}
