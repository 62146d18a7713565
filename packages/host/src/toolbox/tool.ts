/** Programs that a cluster runs, or that we measure ourselves against. */
export type ToolName = 'postgres-15' | 'postgres-17' | 'postgres-18' | 'etcd' | 'pgbouncer' | 'odyssey';

export interface Tool {
  /** Absolute path of the folder with the programs; any user of this machine can run them. */
  readonly bin: string;
  /** As the program tells it, such as `17.11` or `3.5.16`. */
  readonly version: string;
}

export interface ToolRecipe {
  /** Whose `--version` proves that the folder works. */
  readonly program: string;
  /** A Debian suite and what to unpack from it (tools/debian-suite.mjs). */
  readonly suite: string;
  readonly packages: readonly string[];
  /** Where the programs are below the unpacked tree. */
  readonly binWithin: string;
  /** Where distributions keep the programs, besides PATH. */
  readonly systemFolders: readonly string[];
  /** Whether a version found on the system will do. */
  readonly accepts: (version: readonly number[]) => boolean;
}

const postgres = (major: number, suite: string): ToolRecipe => ({
  program: 'postgres',
  suite,
  packages: [`postgresql-${major}`],
  binWithin: `usr/lib/postgresql/${major}/bin`,
  systemFolders: [
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
  ],
  // A data folder belongs to one major version.
  accepts: ([found]) => found === major,
});

const atLeast =
  (major: number, minor: number) =>
  ([foundMajor = 0, foundMinor = 0]: readonly number[]): boolean =>
    foundMajor > major || (foundMajor === major && foundMinor >= minor);

export const toolRecipes: Readonly<Record<ToolName, ToolRecipe>> = {
  'postgres-15': postgres(15, 'bookworm'),
  'postgres-17': postgres(17, 'trixie'),
  'postgres-18': postgres(18, 'forky'),
  etcd: {
    program: 'etcd',
    suite: 'trixie',
    packages: ['etcd-server', 'etcd-client'],
    binWithin: 'usr/bin',
    systemFolders: ['/opt/homebrew/bin'],
    accepts: atLeast(3, 5),
  },
  pgbouncer: {
    program: 'pgbouncer',
    suite: 'trixie',
    packages: ['pgbouncer'],
    binWithin: 'usr/sbin',
    systemFolders: ['/usr/sbin', '/opt/homebrew/bin'],
    // From here on it carries prepared statements in transaction pooling: older ones are no fair comparison.
    accepts: atLeast(1, 21),
  },
  odyssey: {
    program: 'odyssey',
    suite: 'forky',
    packages: ['odyssey'],
    binWithin: 'usr/bin',
    systemFolders: ['/usr/sbin'],
    accepts: atLeast(1, 4),
  },
};

export const toolNames: readonly ToolName[] = [
  'postgres-15',
  'postgres-17',
  'postgres-18',
  'etcd',
  'pgbouncer',
  'odyssey',
];

export const isToolName = (name: string): name is ToolName => toolNames.some((known) => known === name);
