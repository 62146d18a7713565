/** What we need of the control file, as pg_controldata prints it (with LC_ALL=C). */
export interface ControlData {
  readonly systemIdentifier: bigint;
  /** "in production", "shut down", "in archive recovery", ... */
  readonly clusterState: string;
  readonly timeline: number;
  readonly checksums: boolean;
}

/** undefined if the output is not what pg_controldata prints. */
export function parseControlData(output: string): ControlData | undefined {
  const field = (name: string): string | undefined => {
    const line = output.split('\n').find((candidate) => candidate.startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim();
  };
  const identifier = field('Database system identifier');
  const clusterState = field('Database cluster state');
  if (identifier === undefined || !/^\d+$/.test(identifier) || clusterState === undefined) return undefined;
  return {
    systemIdentifier: BigInt(identifier),
    clusterState,
    timeline: Number(field("Latest checkpoint's TimeLineID") ?? 0),
    checksums: (field('Data page checksum version') ?? '0') !== '0',
  };
}
