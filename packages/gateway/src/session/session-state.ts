import { PinReason, Trait, type Classification, type SettingChange } from '@multigres/sql';
import type { CarriedSettings } from '@multigres/relay';
import { SessionPins, type PinEffects, type PinEnd } from './session-pins.ts';
import type { SequenceReaders } from './sequence-readers.ts';
import {
  discardAllSettings,
  isCarriedSetting,
  SessionSettings,
  settingsMax,
  type SettingsEffects,
  type SettingStep,
} from './session-settings.ts';

/** Whose session it is, and what it began with. */
export interface SessionOrigin {
  readonly user: string;
  readonly database: string;
  /** The startup packet's settings, names in lower case. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** What a group under way does to the session's state. */
export interface StateEffects {
  readonly settings: SettingsEffects | undefined;
  readonly pins: PinEffects | undefined;
  /** It puts back something that the session, but not the backend, began with. */
  readonly restoresStart: boolean;
}

/** What is to be done now that a group is answered. */
export interface StateOutcome {
  /** The pooler waits to hear of these. */
  readonly settings: CarriedSettings | undefined;
  /** SQL for the backend that is kept; empty if there is none to say. */
  readonly restore: string;
  /** Reasons to keep the backend that are new, and those that are over. */
  readonly pins: number;
  readonly unpins: number;
}

const nothing: StateOutcome = { settings: undefined, restore: '', pins: 0, unpins: 0 };

/** Pins that the session's settings can take upon themselves. */
const settingPins: number = PinReason.settings | PinReason.role;

/**
 * What a session carries from backend to backend, and why it cannot be carried: settings and pins, noted per statement when it is sent, judged per
 * group when it is answered.
 */
export class SessionState {
  readonly #origin: SessionOrigin;
  readonly #readers: SequenceReaders;
  readonly #settings: SessionSettings;
  #pins: SessionPins | undefined;
  /** Changes that groups under way may make. */
  #changesUnderWay = 0;
  /** Of the group that is being put together. */
  #steps: SettingStep[] | undefined;
  #ends: PinEnd[] | undefined;
  #statements = 0;
  #rollsBack = false;
  #restoresStart = false;
  /** A setting that a bound and not yet executed portal will change. */
  #bound: SettingChange | undefined;
  /** The backend that is kept now has been written through: a sequence may have moved for this session, and here. */
  #wrote = false;
  /** A sequence may have moved for this session, anywhere, since it began or forgot. */
  #moved = false;

  constructor(origin: SessionOrigin, readers: SequenceReaders) {
    this.#origin = origin;
    this.#readers = readers;
    this.#settings = new SessionSettings(origin.settings);
  }

  get pins(): number {
    return this.#pins?.pins ?? 0;
  }

  /** What the session has set; `applied` means nothing here. */
  get settings(): CarriedSettings {
    return this.#settings.carried(true);
  }

  /** The client speaks the encoding that the gateway reads, as its login was told. */
  set readsUtf8(value: boolean) {
    this.#settings.readsUtf8 = value;
  }

  get hasSettings(): boolean {
    return !this.#settings.isEmpty;
  }

  /** Remembers why the backend is kept from now on. */
  pinned(reasons: number, effects: Classification | undefined): void {
    this.#pins ??= new SessionPins();
    this.#pins.add(reasons, effects);
  }

  /**
   * A statement is about to be sent. Answers the reasons to keep the backend for it. `portal`: whether it will run by Execute of a named portal,
   * any time in the transaction; undefined for a Query, which runs at once.
   */
  note(effects: Classification, portal: boolean | undefined): number {
    this.#statements += 1;
    if (effects.transaction !== 'none') this.#noteTransaction(effects);
    let pins = this.#sequencePins(effects, effects.pins);
    // Too many statements to follow.
    if (effects.kind === 'multi' && effects.transaction !== 'none' && this.#isUnsettled) pins |= PinReason.settings;
    if (effects.setting !== undefined || isDiscardAll(effects)) pins = this.#settingPins(effects, pins, portal);
    if ((effects.unpins & PinReason.sequence) !== 0) this.#moved = false;
    const end = this.#pins?.endsOf(effects);
    if (end !== undefined) (this.#ends ??= []).push(end);
    return pins;
  }

  /** The unnamed portal is executed. */
  executed(): void {
    if (this.#bound !== undefined) this.#change(this.#bound);
    this.#bound = undefined;
  }

  /**
   * Where currval() and lastval() find what this session did, and not what another one did: `here`, on the backend that it keeps; `nowhere`, because
   * it did nothing (any backend will say so that has forgotten what others did); `elsewhere`, on a backend that is others' now.
   */
  get sequences(): 'here' | 'nowhere' | 'elsewhere' {
    if ((this.pins & PinReason.sequence) !== 0) return 'here';
    return this.#moved ? 'elsewhere' : 'nowhere';
  }

  /** The backend that it keeps may have moved a sequence for this session, and for it last. */
  get hasWritten(): boolean {
    return this.#wrote;
  }

  /** The session asks for a sequence's value. */
  asksSequence(): void {
    this.#readers.asked(this.#origin.user, this.#origin.database);
  }

  /** The backend goes to others. Answers the reasons that there were to keep it. */
  forgetsSequences(): number {
    this.#wrote = false;
    return (this.#pins as SessionPins).drop(PinReason.sequence);
  }

  /** Whether the group that ends now leaves a portal behind that will change a setting. */
  get isBound(): boolean {
    return this.#bound !== undefined;
  }

  /** Hands over what the group that ends now does; undefined if that is nothing. */
  take(): StateEffects | undefined {
    const steps = this.#steps;
    const settings = steps === undefined ? undefined : { steps, statements: this.#statements };
    const pins =
      this.#pins === undefined ? undefined : { ends: this.#ends ?? [], at: this.#pins.now, rollsBack: this.#rollsBack };
    const restoresStart = this.#restoresStart;
    this.#forget();
    if (settings === undefined && pins === undefined) return undefined;
    this.#changesUnderWay += settings?.steps.length ?? 0;
    return { settings, pins, restoresStart };
  }

  /** The group is not sent. */
  drop(): void {
    this.#forget();
  }

  answered(
    effects: StateEffects | undefined,
    before: 'I' | 'T' | 'E',
    after: 'I' | 'T' | 'E',
    failed: boolean,
    ranNothing: boolean,
  ): StateOutcome {
    const unborn = ranNothing ? (this.#pins?.ranNothing(effects?.pins) ?? 0) : 0;
    const unpins = unborn | (this.#pins?.answered(effects?.pins, before, after, failed) ?? 0);
    if (after === 'I') {
      if (this.pins === 0) this.#wrote = false;
      else if ((this.pins & PinReason.sequence) !== 0)
        return this.#judged(effects, before, after, failed, unpins | this.#waitedEnough());
    }
    return this.#judged(effects, before, after, failed, unpins);
  }

  /** nextval() was called, and its user does not ask. */
  #waitedEnough(): number {
    const { user, database } = this.#origin;
    if (this.#readers.has(user, database)) return 0;
    this.#readers.wentBy(user, database);
    if (!this.#readers.hasNot(user, database)) return 0;
    return (this.#pins as SessionPins).drop(PinReason.sequence);
  }

  #judged(
    effects: StateEffects | undefined,
    before: 'I' | 'T' | 'E',
    after: 'I' | 'T' | 'E',
    failed: boolean,
    unpins: number,
  ): StateOutcome {
    if (effects?.settings === undefined) return unpins === 0 ? nothing : { ...nothing, unpins };
    this.#changesUnderWay -= effects.settings.steps.length;
    const { restore, isUnclear } = this.#settings.answered(effects.settings, before, after, failed);
    // A backend that goes back is given the next one's settings anyway; one that is kept needs these at once.
    const keeps = after === 'T' || this.pins !== 0;
    const settings = this.#settings.carried(restore === '' || keeps);
    return { settings, restore: keeps ? restore : '', pins: isUnclear ? PinReason.settings : 0, unpins };
  }

  // --- inside ---

  #forget(): void {
    this.#steps = undefined;
    this.#ends = undefined;
    this.#statements = 0;
    this.#rollsBack = false;
    this.#restoresStart = false;
    this.#bound = undefined;
  }

  /** The pins of a statement, less what the session's settings take upon themselves. */
  #settingPins(effects: Classification, pins: number, portal: boolean | undefined): number {
    const setting = isDiscardAll(effects) ? discardAllSettings : (effects.setting as SettingChange);
    if (setting.scope === 'local') {
      if (this.#settings.isStartRestored(setting) && portal !== true) this.#change(setting);
      return pins;
    }
    if (portal === true || !isCarriedSetting(setting) || !this.#settings.mayCarry(setting) || this.#isFull())
      return pins | PinReason.settings;
    if (portal === undefined) this.#change(setting);
    else this.#bound = setting;
    return pins & ~settingPins;
  }

  /** Those under way are counted, too: what is carried has to fit into a frame. */
  #isFull(): boolean {
    return this.#settings.size + (this.#steps?.length ?? 0) + this.#changesUnderWay >= settingsMax;
  }

  #change(change: SettingChange): void {
    (this.#steps ??= []).push(change);
    this.#restoresStart ||= this.#settings.isStartRestored(change);
  }

  /** Something under way or in the open transaction has changed settings. */
  get #isUnsettled(): boolean {
    return this.#settings.isUnsettled || this.#steps !== undefined || this.#changesUnderWay > 0;
  }

  /** Only what happens to settings that are in the balance matters. */
  #noteTransaction({ kind, target }: Classification): void {
    if (kind === 'rollback') this.#rollsBack = true;
    if (!this.#isUnsettled) return;
    if (kind === 'commit' || kind === 'prepareTransaction') this.#step({ form: 'commit' });
    else if (kind === 'rollback') this.#step({ form: 'rollback' });
    else if (kind === 'savepoint' || kind === 'release' || kind === 'rollbackTo')
      this.#step({ form: kind, name: target ?? '' });
  }

  #step(step: SettingStep): void {
    (this.#steps ??= []).push(step);
  }

  /** What currval() may be asked about later pins only the sessions of those who do ask. */
  #sequencePins({ traits, kind }: Classification, pins: number): number {
    if ((traits & Trait.writes) === 0) return pins;
    this.#wrote = true;
    this.#moved = true;
    const { user, database } = this.#origin;
    if (this.#readers.has(user, database)) return kind === 'set' || kind === 'reset' ? pins : pins | PinReason.sequence;
    return (pins & PinReason.sequence) !== 0 && this.#readers.hasNot(user, database)
      ? pins & ~PinReason.sequence
      : pins;
  }
}

export function isDiscardAll(effects: Classification): boolean {
  return effects.kind === 'discard' && (effects.unpins & PinReason.settings) !== 0;
}
