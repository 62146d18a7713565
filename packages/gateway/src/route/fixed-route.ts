import type { Answer, Question } from '@multigres/relay';
import type { StoredRole } from '../auth/stored-secret.ts';
import type { CatalogStatement } from '../statement/statement-catalog.ts';
import type { PoolerClient } from './pooler-client.ts';
import type { Route, Seeker } from './route.ts';

/** One pooler for everything: whoever wants a channel waits at its door. */
export class FixedRoute implements Route {
  readonly #client: PoolerClient;

  constructor(client: PoolerClient) {
    this.#client = client;
  }

  seek(seeker: Seeker): void {
    seeker.found(this.#client);
  }

  readonly hasFollowers = false;

  follower(): undefined {}

  walEnd(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  forget(): void {}

  keeps(): boolean {
    return true;
  }

  refusedBy(): void {}

  get isUp(): boolean {
    return this.#client.isUp;
  }

  get backlogBytes(): number {
    return this.#client.backlogBytes;
  }

  ask(question: Question): Promise<readonly Answer[]> {
    return this.#client.ask(question);
  }

  askNow(question: Question): Promise<readonly Answer[]> {
    return this.#client.askNow(question);
  }

  verifier(role: string): Promise<StoredRole> {
    return this.#client.verifier(role);
  }

  forgetStatement(statement: CatalogStatement): void {
    this.#client.forget(statement);
  }

  stop(): void {
    this.#client.stop();
  }
}
