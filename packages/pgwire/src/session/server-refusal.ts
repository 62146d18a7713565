import { utf8, type PgError } from '@multigres/core';
import { encodeErrorResponse } from '../backend/error-response.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import type { ServerStep } from './server-startup.machine.ts';

/** Says why to the client, behind what `writer` holds, and ends. */
export function refuse(error: PgError, writer: MessageWriter = new MessageWriter(256)): ServerStep {
  encodeErrorResponse(writer, error.report);
  return [
    { kind: 'ended' },
    [
      { kind: 'send', bytes: writer.take() },
      { kind: 'refuse', error },
    ],
  ];
}

/** The same in the words of protocol 2 and before, which knows no fields: PostgreSQL still says so to who speaks it. */
export function refuseOldProtocol(error: PgError): ServerStep {
  const bytes = utf8(`E${error.report.severity}:  ${error.message}\n\0`);
  return [
    { kind: 'ended' },
    [
      { kind: 'send', bytes },
      { kind: 'refuse', error },
    ],
  ];
}
