import type { World } from '@multigres/core';
import { HostClock } from './clock.ts';
import { HostDisk } from './disk.ts';
import { HostNetwork } from './network.ts';
import { HostProcesses } from './processes.ts';
import { HostRandom } from './random.ts';
import { hostTelemetry, type HostTelemetry, type LogOptions } from './telemetry.ts';
import type { TraceOptions } from './tracing/otlp-exporter.ts';

export interface HostOptions {
  readonly log?: LogOptions;
  /** Where traces go; undefined: there are none. */
  readonly traces?: TraceOptions;
  /** Whether a pending timer keeps the process alive; default true. */
  readonly timersKeepAlive?: boolean;
}

/** A world whose log can be made to say more or less. */
export interface HostWorld extends World {
  readonly telemetry: HostTelemetry;
}

/** Environment variable: how wrong wall time is, ms. Chaos gives orchestrators a wrong clock by it. */
export const wallClockOffsetVariable = 'MULTIGRES_WALL_CLOCK_OFFSET_MS';

/** The real world: this machine's time, network, disk, processes and dice, and its standard error for logs. One per process. */
export function hostWorld(options: HostOptions = {}): HostWorld {
  const wallOffsetMs = Number(process.env[wallClockOffsetVariable] ?? 0) || 0;
  const clock = new HostClock({ timersKeepAlive: options.timersKeepAlive ?? true, wallOffsetMs });
  return {
    clock,
    network: new HostNetwork(clock),
    disk: new HostDisk(),
    processes: new HostProcesses(clock),
    random: new HostRandom(),
    telemetry: hostTelemetry(options.log, options.traces),
  };
}
