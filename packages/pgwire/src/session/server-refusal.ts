import type { PgError } from '@multigres/core';
import { encodeErrorResponse } from '../backend/error-response.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import type { ServerStep } from './server-startup.machine.ts';

/** Says why to the client, and ends. */
export function refuse(error: PgError): ServerStep {
  const writer = new MessageWriter(256);
  encodeErrorResponse(writer, error.report);
  return [
    { kind: 'ended' },
    [
      { kind: 'send', bytes: writer.take() },
      { kind: 'refuse', error },
    ],
  ];
}
