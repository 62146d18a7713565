import type { Clock, PgReport, Timer } from '@multigres/core';
import { backendTag, decodeErrorResponse, decodeParameterStatus, Deframer } from '@multigres/pgwire';
import { stringConstant } from '@multigres/sql';
import type { Backend } from '../backend/backend.ts';
import type { Group, GroupEnd, GroupOwner } from '../backend/group.ts';
import type { Session } from './session.ts';

const answerBytesMax = 1024 * 1024;
/** Changing settings that takes longer is not worth waiting for: the backend is closed. */
const adoptionMs = 10_000;

/** Owns the groups that give a backend a session's settings. The client sees none of their replies: it knows its settings. */
export class Adoption implements GroupOwner {
  /** What the backend is given: the session's may change meanwhile. */
  readonly settings: string;
  readonly applicationName: string | undefined;
  readonly #session: Session;
  readonly #timer: Timer;
  #isLost = false;
  #groups = 0;
  /** What is reported is what the configuration says. */
  #resetting = true;
  #error: PgReport | undefined;
  readonly #deframer: Deframer = new Deframer(
    {
      frame: (tag, buffer, start, end) => {
        if (tag === backendTag.errorResponse) this.#error ??= decodeErrorResponse(buffer, start, end)?.report;
        else if (tag === backendTag.parameterStatus && this.#resetting) this.#isReported(buffer, start, end);
      },
      part: () => {},
    },
    { wholeBytesMax: answerBytesMax, messageBytesMax: answerBytesMax },
  );

  constructor(session: Session, backend: Backend, clock: Clock) {
    this.#session = session;
    this.#timer = clock.after(adoptionMs, () => backend.destroy());
    this.#say(backend, resetOf(backend.settings));
    this.settings = session.settings;
    this.applicationName = session.applicationName;
    const text = [session.settings, rename(session.applicationName)].filter((sql) => sql !== '').join(';');
    // By itself: a text is read in the client_encoding of the moment that it arrives in.
    if (text !== '') this.#say(backend, text);
  }

  replied(_group: Group, buffer: Uint8Array, start: number, end: number, ready: GroupEnd | undefined): void {
    this.#deframer.feed(buffer.subarray(start, end));
    if (ready === undefined) return;
    this.#resetting = false;
    this.#groups -= 1;
    if (this.#groups > 0) return;
    this.#timer.cancel();
    this.#session.adopted(this, this.#error);
  }

  syncIgnored(): void {}

  groupLost(): void {
    this.#timer.cancel();
    // Each of its groups is lost; the session may be about to get another backend already.
    if (this.#isLost) return;
    this.#isLost = true;
    this.#session.adoptionLost();
  }

  #isReported(buffer: Uint8Array, start: number, end: number): void {
    const parameter = decodeParameterStatus(buffer, start, end);
    if (parameter !== undefined) this.#session.pool.reported(parameter.name, parameter.value, undefined);
  }

  #say(backend: Backend, sql: string): void {
    this.#groups += 1;
    backend.query(this, sql);
  }
}

/** RESET ALL spares who one is. */
function resetOf(settings: string): string {
  const mayBeAnother = settings === '?' || /"(?:role|session_authorization)"/.test(settings);
  return mayBeAnother ? 'RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL' : 'RESET ALL';
}

function rename(name: string | undefined): string {
  return name === undefined ? '' : `SET application_name TO ${stringConstant(name)}`;
}

/**
 * Gives a backend another application name right before a session's statement, in the same write: nothing else differs, and Postgres takes any
 * name. Only a stray cancel can hit it; who stands behind on a shared backend then runs again elsewhere.
 */
export class Renaming implements GroupOwner {
  readonly #backend: Backend;

  constructor(backend: Backend, name: string | undefined) {
    this.#backend = backend;
    backend.applicationName = name;
    backend.query(this, name === undefined ? 'RESET application_name' : rename(name)).unseen = true;
  }

  replied(_group: Group, _buffer: Uint8Array, _start: number, _end: number, ready: GroupEnd | undefined): void {
    if (ready?.failed !== true) return;
    this.#backend.settingsUnknown();
    this.#backend.runBehindAgain();
  }

  syncIgnored(): void {}
  groupLost(): void {}
}
