import { utf8 } from '@multigres/core';
import {
  backendTag,
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationMd5Password,
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeBackendKeyData,
  encodeCommandComplete,
  encodeCopyResponse,
  encodeDataRow,
  encodeErrorResponse,
  encodeNotificationResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
} from '@multigres/pgwire';
import { made } from './client-messages.ts';
import type { Dice } from './dice.ts';

const bare = (tag: number): Uint8Array => Uint8Array.of(tag, 0, 0, 0, 4);

/** What a server says at login, to the first ReadyForQuery. */
export function welcome(processId: number): Uint8Array[] {
  return [
    made(encodeAuthenticationOk),
    made((writer) => encodeParameterStatus(writer, 'TimeZone', 'UTC')),
    made((writer) => encodeBackendKeyData(writer, processId, Uint8Array.of(1, 2, 3, 4))),
    made((writer) => encodeReadyForQuery(writer, 'I')),
  ];
}

export function demands(dice: Dice): Uint8Array[] {
  return [
    dice.pick([
      made(encodeAuthenticationCleartextPassword),
      made((writer) => encodeAuthenticationMd5Password(writer, dice.bytes(4))),
      made((writer) => encodeAuthenticationSasl(writer, ['SCRAM-SHA-256'])),
    ]),
  ];
}

/** What a server might say to something, whether it was asked or not. */
export function answers(dice: Dice): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let count = dice.size(8); count > 0; count--) messages.push(answer(dice));
  if (dice.chance(0.8)) messages.push(made((writer) => encodeReadyForQuery(writer, dice.pick(['I', 'T', 'E']))));
  return messages;
}

function answer(dice: Dice): Uint8Array {
  const { parseComplete, bindComplete, closeComplete, noData, portalSuspended, emptyQueryResponse, copyDone } =
    backendTag;
  switch (dice.below(8)) {
    case 0:
      return bare(
        dice.pick([parseComplete, bindComplete, closeComplete, noData, portalSuspended, emptyQueryResponse, copyDone]),
      );
    case 1:
      return made((writer) => encodeDataRow(writer, ['r'.repeat(dice.size(dice.chance(0.95) ? 2000 : 200_000)), null]));
    case 2:
      return made((writer) => encodeCommandComplete(writer, dice.pick(['SELECT 1', 'COPY 1', 'BEGIN', 'COMMIT'])));
    case 3:
      return made((writer) =>
        encodeErrorResponse(writer, {
          severity: dice.pick(['ERROR', 'ERROR', 'FATAL', 'PANIC']),
          sqlstate: dice.pick(['42601', '57014', '26000', '0A000', '57P01', '53300']),
          message: 'no',
        }),
      );
    case 4:
      return made((writer) => encodeCopyResponse(writer, dice.pick(['in', 'out', 'both']), 0, [0]));
    case 5:
      return made((writer) => encodeParameterStatus(writer, dice.pick(['TimeZone', 'client_encoding', 'x']), 'UTC'));
    case 6:
      return made((writer) => encodeNotificationResponse(writer, dice.below(2 ** 31), 'c', 'p'));
    default: {
      const data = utf8('1\n');
      return made((writer) => {
        writer.begin(backendTag.copyData);
        writer.bytes(data, 0, data.length);
        writer.end();
      });
    }
  }
}
