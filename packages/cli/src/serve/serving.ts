import type { World } from '@multigres/core';
import { Option } from 'commander';
import type { ConfigFile } from './config-file/config-file.ts';
import { hostWorldOf } from './host-options.ts';
import { Reloader } from './reloader.ts';
import { readSettings, type SettingFlags } from './settings.ts';
import { takeOrders, type Orders } from './shutdown.ts';

/** What every serving command begins with. */
export interface Serving {
  readonly world: World;
  /** As they are at the start; `reloader` has them as they are now. */
  readonly settings: ConfigFile;
  readonly reloader: Reloader;
  readonly orders: Orders;
}

/** `service` names the process in traces. Throws a CliError if the configuration cannot be used. */
export function beginServing(flags: SettingFlags & { readonly withParent?: boolean }, service: string): Serving {
  const orders = takeOrders(flags);
  const settings = readSettings(flags);
  const world = hostWorldOf(settings, service);
  const setLevel = ({ log }: ConfigFile): void => world.telemetry.setLogLevel(log.level ?? 'info');
  const reloader = new Reloader(flags, settings, world.telemetry.log, setLevel);
  return { world, settings, reloader, orders };
}

export function withParentOption(): Option {
  return new Option('--with-parent', 'take orders from standard input, and end with it').hideHelp();
}
