import type { FunctionEffect } from './function-effect.ts';
import { foldCase } from './statement-reader.ts';
import { PinReason } from './pin-reason.ts';
import type { SettingChange, StatementKind, TransactionEffect } from './classification.ts';

/** What the catalogue knows about a function that this package does not; asked with the name as written, folded, dots between its parts. */
export type KnownFunction = (name: string) => FunctionEffect | undefined;

/** What has been found out about one statement so far. */
export class Facts {
  kind: StatementKind = 'unknown';
  pins = 0;
  unpins = 0;
  traits = 0;
  transaction: TransactionEffect = 'none';
  setting: SettingChange | undefined = undefined;
  target: string | undefined = undefined;
  readonly knownFunction: KnownFunction | undefined;

  constructor(knownFunction: KnownFunction | undefined) {
    this.knownFunction = knownFunction;
  }

  add(effect: FunctionEffect): void {
    this.pins |= effect.pins;
    this.traits |= effect.traits;
    this.unpins |= effect.unpins;
  }
}

/** The pin of a setting by its stored name. */
export function settingPin(name: string): number {
  const folded = foldCase(name);
  if (folded === 'role' || folded === 'session_authorization') return PinReason.role;
  return folded === 'seed' ? PinReason.setseed : PinReason.settings;
}
