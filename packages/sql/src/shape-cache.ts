import { ByteCache } from '@multigres/core';
import type { Classification, StatementKind } from './classification.ts';
import { shapeInto } from './statement-shape.ts';

/** A text's classification, and a number that all texts of the same shape share; 0 for texts that are not remembered. */
export interface KnownShape {
  readonly classification: Classification;
  /** From 1 on, never used for another shape. */
  readonly id: number;
}

const shapeBytesMax = 8 * 1024;
const entriesMax = 8192;

/** What these do to a session does not hang on the values in them. */
const constantFree: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'begin',
  'commit',
  'rollback',
]);

/** Except where a constant is looked at: the arguments of set_config(), a temporary schema as its value, and settings by name. */
const looksAtConstants = /set_config|pg_temp|pg_settings|synchronous_commit/i;

/**
 * Classifications by shape, for simple queries: their texts are new each time because the values are in them. A shape is known by its bytes, so that neither a string nor
 * anything else is made for a text whose shape was seen before.
 */
export class ShapeCache {
  readonly #known: ByteCache<KnownShape> = new ByteCache(entriesMax, shapeBytesMax);
  readonly #scratch: Uint8Array = new Uint8Array(shapeBytesMax);
  #lastId = 0;

  /** What is known of the text's shape. */
  get(bytes: Uint8Array, start: number, end: number): KnownShape | undefined {
    const length = shapeInto(bytes, start, end, this.#scratch);
    return length < 0 ? undefined : this.#known.get(this.#scratch, 0, length);
  }

  /** Remembers the classification of the text for its shape, if it holds for all texts of it. */
  set(bytes: Uint8Array, start: number, end: number, text: string, classification: Classification): KnownShape {
    if (!isConstantFree(text, classification)) return { classification, id: 0 };
    const length = shapeInto(bytes, start, end, this.#scratch);
    if (length < 0) return { classification, id: 0 };
    this.#lastId += 1;
    const known = { classification, id: this.#lastId };
    this.#known.set(this.#scratch, 0, length, known);
    return known;
  }

  clear(): void {
    this.#known.clear();
  }
}

function isConstantFree(text: string, { kind, pins, setting, target }: Classification): boolean {
  if (!constantFree.has(kind) || pins !== 0 || setting !== undefined || target !== undefined) return false;
  return !looksAtConstants.test(text);
}
