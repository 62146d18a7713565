import type { Disk } from './disk.ts';
import type { Network } from './network.ts';
import type { TlsContext, TlsMaterial } from './tls.ts';

/** Absolute paths of PEM files. */
export interface TlsFileNames {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly authorities?: string | undefined;
}

/** What reads certificates, and what they are read for. */
export interface TlsWorld {
  readonly disk: Disk;
  readonly network: Network;
}

/** A context that is read from files, and can be read again: connections from then on use what the files say now. */
export class TlsFiles {
  readonly #world: TlsWorld;
  readonly #names: TlsFileNames;
  #context: TlsContext;

  private constructor(world: TlsWorld, names: TlsFileNames, context: TlsContext) {
    this.#world = world;
    this.#names = names;
    this.#context = context;
  }

  /** Rejects with a DiskError, or with a NetworkError (`tls`) if what the files hold can not be used. */
  static async load(world: TlsWorld, names: TlsFileNames): Promise<TlsFiles> {
    return new TlsFiles(world, names, await read(world, names));
  }

  readonly context = (): TlsContext => this.#context;

  /** Rejects as `load` does; what was read before stays in use then. */
  async reload(): Promise<void> {
    this.#context = await read(this.#world, this.#names);
  }
}

async function read({ disk, network }: TlsWorld, names: TlsFileNames): Promise<TlsContext> {
  const [certificate, key, authorities] = await Promise.all(
    [names.certificate, names.key, names.authorities].map(async (name) =>
      name === undefined ? undefined : await disk.read(name),
    ),
  );
  const material: TlsMaterial = {
    ...(certificate && { certificate }),
    ...(key && { key }),
    ...(authorities && { authorities }),
  };
  return network.tlsContext(material);
}
