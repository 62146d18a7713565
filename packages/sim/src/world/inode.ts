import { emptyBytes } from '@multigres/core';
import type { RandomStream } from '../kernel/random-stream.ts';

/** A value of the simulator that a file stands for: a data directory of the Postgres model. */
export interface KeptValue {
  /** What of it was not flushed survives or not. */
  losePower(random: RandomStream): void;
  /** As a snapshot of the volume has it. */
  copy(): KeptValue;
}

/** A file: what readers see now, and what is safely on the platter. */
export class FileNode {
  readonly kind = 'file';
  durable: Uint8Array = emptyBytes;
  #content: Uint8Array = emptyBytes;
  /** Somebody keeps the content up to date, durably: a server its configuration. */
  #live: (() => Uint8Array) | undefined;
  /** A sync failed: what is written stays readable but will never become durable unless it is written again. */
  lost = false;
  value: KeptValue | undefined;

  get content(): Uint8Array {
    return this.#live?.() ?? this.#content;
  }

  set(content: Uint8Array): void {
    this.#content = content;
    this.#live = undefined;
    this.lost = false;
  }

  /** From now on the content is what this answers, until somebody writes the file. */
  follow(live: () => Uint8Array): void {
    this.#live = live;
  }

  copy(): FileNode {
    const copy = new FileNode();
    copy.set(this.content);
    copy.sync();
    copy.value = this.value?.copy();
    return copy;
  }

  sync(): void {
    if (!this.lost) this.durable = this.content;
  }

  /** Unsynced bytes survive wholly, not at all, or up to a torn middle. */
  losePower(random: RandomStream): void {
    const { content } = this;
    if (this.#live !== undefined) this.durable = content;
    else if (content !== this.durable && !this.lost) {
      const fate = random.below(3);
      if (fate === 0) this.durable = content;
      if (fate === 1) this.durable = content.slice(0, random.below(content.length + 1));
    }
    this.set(this.durable);
    this.value?.losePower(random);
  }
}

interface NameChange {
  readonly remove?: string;
  readonly add?: readonly [name: string, node: FileNode | DirectoryNode];
}

/** A directory: its names now, its names on the platter, and the changes between them. */
export class DirectoryNode {
  readonly kind = 'directory';
  names: Map<string, FileNode | DirectoryNode> = new Map();
  #durable = new Map<string, FileNode | DirectoryNode>();
  #changes: NameChange[] = [];

  copy(): DirectoryNode {
    const copy = new DirectoryNode();
    for (const [name, node] of this.names) copy.names.set(name, node.copy());
    copy.sync();
    return copy;
  }

  change(change: NameChange): void {
    apply(this.names, change);
    this.#changes.push(change);
  }

  sync(): void {
    this.#durable = new Map(this.names);
    this.#changes = [];
  }

  durableName(name: string): FileNode | DirectoryNode | undefined {
    return this.#durable.get(name);
  }

  /** With all directories inside. */
  syncAll(): void {
    this.sync();
    for (const node of this.names.values()) if (node.kind === 'directory') node.syncAll();
  }

  /** Each unsynced change of a name survives or not, independently. */
  losePower(random: RandomStream): void {
    for (const change of this.#changes) if (random.chance(0.5)) apply(this.#durable, change);
    this.names = new Map(this.#durable);
    this.#changes = [];
    for (const node of this.names.values()) node.losePower(random);
  }
}

function apply(names: Map<string, FileNode | DirectoryNode>, change: NameChange): void {
  if (change.remove !== undefined) names.delete(change.remove);
  if (change.add) names.set(change.add[0], change.add[1]);
}
