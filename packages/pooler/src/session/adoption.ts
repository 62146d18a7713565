import type { PgReport } from '@multigres/core';
import { backendTag, decodeErrorResponse, Deframer } from '@multigres/pgwire';
import type { Group, GroupEnd, GroupOwner } from '../backend/group.ts';
import type { Session } from './session.ts';

const answerBytesMax = 1024 * 1024;

/** Owns the group that gives a backend a session's settings. The client sees none of its replies: it knows its settings. */
export class Adoption implements GroupOwner {
  readonly #session: Session;
  #error: PgReport | undefined;
  readonly #deframer: Deframer = new Deframer(
    {
      frame: (tag, buffer, start, end) => {
        if (tag === backendTag.errorResponse) this.#error = decodeErrorResponse(buffer, start, end)?.report;
      },
      part: () => {},
    },
    { wholeBytesMax: answerBytesMax, messageBytesMax: answerBytesMax },
  );

  constructor(session: Session) {
    this.#session = session;
  }

  replied(_group: Group, buffer: Uint8Array, start: number, end: number, ready: GroupEnd | undefined): void {
    this.#deframer.feed(buffer.subarray(start, end));
    if (ready !== undefined) this.#session.adopted(this.#error);
  }

  syncIgnored(): void {}

  groupLost(): void {
    this.#session.adoptionLost();
  }
}
