import { textAt } from '@multigres/pgwire';
import { ClassificationCache, ShapeCache, type Classification } from '@multigres/sql';

/** What texts mean for a session, remembered for all sessions of the gateway. */
export class Classifier {
  readonly #texts: ClassificationCache = new ClassificationCache();
  readonly #shapes: ShapeCache = new ShapeCache();
  #shapeHits = 0;
  /** The number of the shape of what `query` was asked last; 0 if it is not remembered. */
  shape = 0;

  /** Look-ups that were answered from memory, by the text or by its shape. */
  get hits(): number {
    return this.#shapeHits + this.#texts.hits;
  }

  get misses(): number {
    return this.#texts.misses;
  }

  text(text: string): Classification {
    return this.#texts.classify(text);
  }

  /** The text of a simple query: mostly new because of the values in it, while its shape is known. */
  query(buffer: Uint8Array, start: number, end: number): Classification {
    const known = this.#shapes.get(buffer, start, end);
    if (known !== undefined) {
      this.#shapeHits += 1;
      this.shape = known.id;
      return known.classification;
    }
    const text = textAt(buffer, start, end);
    const learnt = this.#shapes.set(buffer, start, end, text, this.#texts.classify(text));
    this.shape = learnt.id;
    return learnt.classification;
  }
}
