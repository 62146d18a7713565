import { hostWorld, type HostWorld } from '@multigres/host';
import type { ConfigFile } from './config-file/config-file.ts';
import { logOptions } from './log-options.ts';

/** The real world as the settings want it. `service` names the process in traces. */
export function hostWorldOf(settings: ConfigFile, service: string): HostWorld {
  const { traces, traceRatio = 0 } = settings.telemetry;
  return hostWorld({
    log: logOptions(settings.log),
    ...(traces !== undefined && { traces: { endpoint: traces, ratio: traceRatio, service } }),
  });
}
