import type { Timer } from '@multigres/core';
import { compacted, type Change, type Revision, type Watch, type WatchListener } from '@multigres/topology';
import type { EtcdMember, EtcdModel, Feed } from './etcd-model.ts';
import type { EtcdClientParts } from './etcd-store.ts';

interface EtcdWatchOptions {
  readonly model: EtcdModel;
  readonly client: EtcdClientParts;
  readonly root: string;
  readonly prefix: string;
  readonly after: Revision;
  readonly listener: WatchListener;
  readonly closed: () => void;
}

/** How often a quiet watch is asked whether it lives, and how long its member may think about it. */
const probeMs = 2000;
const answerMs = 1000;
const pauseMs = 200;

/** Follows etcd's history at one member after the other: whoever does not answer is left, and the next one goes on from the last revision heard. */
export class EtcdWatch implements Watch {
  readonly #options: EtcdWatchOptions;
  #after: Revision;
  #feed: Feed | undefined;
  #favourite: number;
  #timer: Timer;
  #connected = false;
  #closed = false;

  constructor(options: EtcdWatchOptions) {
    this.#options = options;
    this.#after = options.after;
    this.#favourite = options.client.random.below(options.model.members.length);
    this.#timer = options.client.clock.after(0, () => this.#open());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#options.closed();
  }

  #forget(): void {
    this.#timer.cancel();
    if (this.#feed !== undefined) this.#options.model.unsubscribe(this.#feed);
    this.#feed = undefined;
  }

  #open(): void {
    if (this.#closed) return;
    const { model, client } = this.#options;
    const member = model.members[this.#favourite % model.members.length] as EtcdMember;
    const { life } = member.node;
    this.#expect(() => this.#lost());
    if (life === undefined || !life.alive) return;
    const feed: Feed = {
      member,
      client,
      life,
      sent: this.#after,
      lastArrivalUs: 0,
      push: (from, changes, to) => this.#heard(feed, from, changes, to),
      compacted: () => this.#compacted(feed),
      cancelled: () => {
        if (this.#feed === feed) this.#lost();
      },
    };
    this.#feed = feed;
    model.subscribe(feed, () => this.#alive(feed));
  }

  /** The member has answered: it is asked again after a while. */
  #alive(feed: Feed): void {
    if (this.#feed !== feed) return;
    this.#setConnected(true);
    if (this.#feed !== feed) return;
    this.#timer.cancel();
    this.#timer = this.#options.client.clock.after(probeMs, () => {
      this.#expect(() => this.#lost());
      this.#options.model.probe(feed, () => this.#alive(feed));
    });
  }

  #expect(lost: () => void): void {
    this.#timer.cancel();
    this.#timer = this.#options.client.clock.after(answerMs, lost);
  }

  #lost(): void {
    this.#forget();
    this.#favourite += 1;
    this.#timer = this.#options.client.clock.after(pauseMs, () => this.#open());
    this.#setConnected(false);
  }

  #heard(feed: Feed, from: Revision, changes: readonly Change[], to: Revision): void {
    if (this.#feed !== feed || to <= this.#after) return;
    if (from !== this.#after) {
      this.#lost();
      return;
    }
    this.#after = to;
    this.#setConnected(true);
    this.#options.listener.changed(this.#ours(changes), to);
  }

  #compacted(feed: Feed): void {
    if (this.#feed !== feed) return;
    const error = compacted(this.#after);
    this.close();
    this.#options.listener.ended(error);
  }

  #setConnected(yes: boolean): void {
    if (this.#connected === yes || this.#closed) return;
    this.#connected = yes;
    this.#options.listener.connected(yes);
  }

  #ours(changes: readonly Change[]): readonly Change[] {
    const { root, prefix } = this.#options;
    const ours: Change[] = [];
    for (const change of changes) {
      const full = change.kind === 'put' ? change.entry.key : change.key;
      if (!full.startsWith(root + prefix)) continue;
      const key = full.slice(root.length);
      ours.push(change.kind === 'put' ? { kind: 'put', entry: { ...change.entry, key } } : { ...change, key });
    }
    return ours;
  }
}
