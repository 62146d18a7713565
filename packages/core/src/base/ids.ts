declare const brand: unique symbol;

/** A primitive that the compiler keeps apart from other primitives of the same shape. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** The name of a cell (a failure domain with its own etcd), e.g. `cell1`. */
export type CellName = Branded<string, 'CellName'>;
/** `cell/name`-shaped identity of a running component. */
export type ComponentId = Branded<string, 'ComponentId'>;
/** Identifies one session inside one gateway; never reused while the gateway lives (wraps at 2^32 with a check). */
export type SessionId = Branded<number, 'SessionId'>;
