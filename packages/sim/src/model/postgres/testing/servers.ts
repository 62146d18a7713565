import { story } from './story.ts';
import type { RawClient } from './raw-client.ts';

/**
 * A few Postgres servers, simulated or real, to which the same things can be done: what they answer is compared. Server names are letters; each
 * listens under its name, and follows under its name.
 */
export interface Servers {
  /** initdb and start. */
  make(name: string): Promise<void>;
  /** pg_basebackup from a running server, and start as its standby, under its own name. */
  clone(name: string, from: string): Promise<void>;
  /** Starts what was stopped, as a standby or not. */
  start(name: string, as: 'primary' | 'standby'): Promise<void>;
  /** `fast`: in good order. `immediate`: all processes die at once. */
  stop(name: string, how: 'fast' | 'immediate'): Promise<void>;
  /** What pg_rewind says: whether there was something to do. */
  rewind(name: string, from: string): Promise<'rewound' | 'no rewind required'>;
  /** The connection string by which somebody follows a server. */
  conninfo(to: string, as: string): string;
  connect(name: string, parameters?: Record<string, string>): Promise<RawClient>;
  /** Nothing that one sends to the other arrives any more, and neither is told; until it is mended. */
  cut(a: string, b: string): Promise<void>;
  mend(a: string, b: string): Promise<void>;
  /** Gives the servers a moment. */
  moment(): Promise<void>;
}

/** What a session has heard, without what differs from server to server and without the columns' names. */
export function heard(client: RawClient): string[] {
  return story(client.take()).filter((line) => !/^(columns|ready|setting|key|authenticationOk)/.test(line));
}

/** Sessions by name on such servers, and what a story has seen of them. */
export class Play {
  readonly servers: Servers;
  readonly #sessions: Map<string, RawClient> = new Map();
  /** To be compared. */
  readonly seen: string[] = [];

  constructor(servers: Servers) {
    this.servers = servers;
  }

  /** `a` is a session of its own on server a, `a/2` another one, `a/replication` one that speaks the replication protocol. */
  async session(name: string): Promise<RawClient> {
    const known = this.#sessions.get(name);
    if (known !== undefined && !known.closed) return known;
    const [server = '', what = ''] = name.split('/');
    const parameters = what === 'replication' ? { user: 'postgres', replication: 'true' } : undefined;
    const client = await this.servers.connect(server, parameters);
    client.take();
    this.#sessions.set(name, client);
    return client;
  }

  /** Asks and waits for the answer, which is not compared. */
  async ask(name: string, text: string): Promise<string[]> {
    const client = await this.session(name);
    client.query(text);
    while (client.readies === 0 && !client.closed) await this.servers.moment();
    return heard(client);
  }

  /** Asks; the answer is compared. */
  async look(name: string, text: string): Promise<void> {
    this.note(name, text, await this.ask(name, text));
  }

  /** Asks again and again until the answer is the wanted one, which is compared: a story never waits for what does not come. */
  async until(name: string, text: string, wanted: string): Promise<void> {
    let answer: string[] = [];
    for (let i = 0; i < 1000; i++) {
      answer = await this.ask(name, text);
      if (answer[0] === `row ${wanted}`) break;
      await this.servers.moment();
    }
    this.note(name, text, answer);
  }

  /** Asks and does not wait. */
  async send(name: string, text: string): Promise<void> {
    (await this.session(name)).query(text);
  }

  /** What has been heard after a while without having asked: nothing, if somebody waits. */
  async hears(name: string): Promise<void> {
    const client = this.#sessions.get(name) ?? (await this.session(name));
    for (let i = 0; i < 1000 && client.readies === 0 && !client.closed; i++) await this.servers.moment();
    this.note(name, 'hears', [...heard(client), ...(client.closed ? ['closed'] : [])]);
  }

  /** Waits for the end of a session that has been told before that all is well. */
  async itsEnd(name: string): Promise<void> {
    const client = this.#sessions.get(name) ?? (await this.session(name));
    for (let i = 0; i < 1000 && !client.closed; i++) await this.servers.moment();
    this.note(name, 'its end', [...heard(client), ...(client.closed ? ['closed'] : [])]);
  }

  async isSilent(name: string): Promise<void> {
    const client = await this.session(name);
    for (let i = 0; i < 10; i++) await this.servers.moment();
    this.note(name, 'is silent', heard(client));
  }

  async leave(name: string): Promise<void> {
    (await this.session(name)).leave();
    this.#sessions.delete(name);
    await this.servers.moment();
  }

  note(name: string, text: string, answer: readonly string[]): void {
    this.seen.push(`${name}: ${text}`, ...answer.map((line) => `    ${line}`));
  }

  /** Sets who is waited for, and waits until new sessions and the walsenders know it. */
  async nameStandbys(server: string, names: string): Promise<void> {
    await this.ask(server, `alter system set synchronous_standby_names = '${names}'`);
    await this.ask(server, 'select pg_reload_conf()');
    for (let i = 0; i < 1000; i++) {
      const probe = `${server}/probe${i}`;
      const [answer] = await this.ask(probe, 'show synchronous_standby_names');
      await this.leave(probe);
      if (answer === `row ${names}`) break;
    }
    await this.servers.moment();
  }

  async follow(server: string, to: string): Promise<void> {
    await this.ask(server, `alter system set primary_conninfo = '${this.servers.conninfo(to, server)}'`);
    await this.ask(server, 'select pg_reload_conf()');
  }
}
