import { assert } from '@multigres/core';
import type { Classification } from './classification.ts';
import { classify } from './classify.ts';
import type { KnownFunction } from './facts.ts';

export interface ClassificationCacheOptions {
  /** How many texts at most. Default 8,192. */
  readonly entriesMax?: number;
  /** How many UTF-16 units all texts together may have. Default 4 Mi (at most 8 MiB of memory, half for ASCII). */
  readonly charactersMax?: number;
  /** Longer texts are classified each time and never kept. Default 16 Ki UTF-16 units. */
  readonly textCharactersMax?: number;
  /** See ClassifyOptions. */
  readonly knownFunction?: KnownFunction;
}

/**
 * Remembers classifications by the exact text. Two generations: what is asked for lives in the young one; when that is
 * half of the bounds it becomes the old one, and the old one is forgotten whole. So eviction costs nothing per entry,
 * and a text that is asked for again within a generation stays.
 */
export class ClassificationCache {
  readonly #entriesPerGeneration: number;
  readonly #charactersPerGeneration: number;
  readonly #textCharactersMax: number;
  readonly #knownFunction: KnownFunction | undefined;
  #young: Map<string, Classification> = new Map();
  #old: Map<string, Classification> = new Map();
  #youngCharacters = 0;
  #oldCharacters = 0;
  /** Lookups answered from memory, and those that were not; plain counts for telemetry to read. */
  hits = 0;
  misses = 0;

  constructor(options: ClassificationCacheOptions = {}) {
    const { entriesMax = 8192, charactersMax = 4 * 1024 * 1024, textCharactersMax = 16 * 1024 } = options;
    assert(entriesMax >= 2, 'a classification cache holds at least two entries');
    this.#entriesPerGeneration = Math.floor(entriesMax / 2);
    this.#charactersPerGeneration = Math.floor(charactersMax / 2);
    this.#textCharactersMax = Math.min(textCharactersMax, this.#charactersPerGeneration);
    this.#knownFunction = options.knownFunction;
  }

  /** As classify(), remembered. With standard_conforming_strings off, a text with backslashes means something else and is not kept. */
  classify(text: string, standardConformingStrings = true): Classification {
    if (!standardConformingStrings && text.includes('\\')) return this.#classify(text, false);
    const young = this.#young.get(text);
    if (young !== undefined) {
      this.hits++;
      return young;
    }
    const old = this.#old.get(text);
    if (old !== undefined) this.hits++;
    const classification = old ?? this.#classify(text, true);
    if (text.length <= this.#textCharactersMax) this.#keep(text, classification);
    return classification;
  }

  #classify(text: string, standardConformingStrings: boolean): Classification {
    this.misses++;
    return this.#knownFunction === undefined
      ? classify(text, { standardConformingStrings })
      : classify(text, { standardConformingStrings, knownFunction: this.#knownFunction });
  }

  #keep(text: string, classification: Classification): void {
    const isFull =
      this.#young.size >= this.#entriesPerGeneration ||
      this.#youngCharacters + text.length > this.#charactersPerGeneration;
    if (isFull) {
      this.#old = this.#young;
      this.#oldCharacters = this.#youngCharacters;
      this.#young = new Map();
      this.#youngCharacters = 0;
    }
    this.#young.set(text, classification);
    this.#youngCharacters += text.length;
  }

  /** Forgets everything: for when what knownFunction says has changed. */
  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#youngCharacters = 0;
    this.#oldCharacters = 0;
  }

  /** Texts in memory; one that moved between the generations may count twice. Never above entriesMax. */
  get entries(): number {
    return this.#young.size + this.#old.size;
  }

  /** UTF-16 units of those texts. Never above charactersMax. */
  get characters(): number {
    return this.#youngCharacters + this.#oldCharacters;
  }
}
