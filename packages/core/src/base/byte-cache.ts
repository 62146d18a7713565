interface Entry<V> {
  readonly key: Uint8Array;
  readonly value: V;
}

/** FNV-1a over the bytes, cut to 30 bits so that engines keep it as a small integer. Not for secrets: an attacker can make keys collide. */
export function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & 0x3fff_ffff;
}

/**
 * A bounded memory of values by the bytes of their keys, for keys that come out of the network: nothing is decoded or allocated to look one up. Keys are compared
 * in full; of keys with equal hashes the latest stays, so a flood of collisions costs hits, not time.
 *
 * Two generations: what is asked for lives in the young one; when that has half of the entries it becomes the old one, and the old one is forgotten whole.
 */
export class ByteCache<V> {
  readonly #entriesPerGeneration: number;
  readonly #keyBytesMax: number;
  #young: Map<number, Entry<V>> = new Map();
  #old: Map<number, Entry<V>> = new Map();

  /** Keeps at most `entriesMax` entries; keys longer than `keyBytesMax` bytes are never kept. */
  constructor(entriesMax: number, keyBytesMax: number) {
    this.#entriesPerGeneration = Math.max(1, Math.floor(entriesMax / 2));
    this.#keyBytesMax = keyBytesMax;
  }

  /** Entries in memory, never above `entriesMax`; one that moved between the generations counts twice. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(bytes: Uint8Array, start: number, end: number): V | undefined {
    if (end - start > this.#keyBytesMax) return undefined;
    const hash = hashBytes(bytes, start, end);
    const young = this.#young.get(hash);
    if (young !== undefined && isKey(young.key, bytes, start, end)) return young.value;
    const old = this.#old.get(hash);
    if (old === undefined || !isKey(old.key, bytes, start, end)) return undefined;
    this.#keep(hash, old);
    return old.value;
  }

  /** The bytes are copied. */
  set(bytes: Uint8Array, start: number, end: number, value: V): void {
    if (end - start > this.#keyBytesMax) return;
    this.#keep(hashBytes(bytes, start, end), { key: bytes.slice(start, end), value });
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }

  #keep(hash: number, entry: Entry<V>): void {
    if (this.#young.size >= this.#entriesPerGeneration) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(hash, entry);
  }
}

function isKey(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let i = 0, at = start; at < end; i++, at++) if (key[i] !== bytes[at]) return false;
  return true;
}
