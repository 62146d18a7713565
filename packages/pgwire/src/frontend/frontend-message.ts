import { frontendTag } from '../tags.ts';
import { decodeBind, type Bind } from './bind.ts';
import { decodeClose, type Close } from './close.ts';
import { decodeCopyData, type CopyData } from './copy-data.ts';
import { decodeCopyDone, type CopyDone } from './copy-done.ts';
import { decodeCopyFail, type CopyFail } from './copy-fail.ts';
import { decodeDescribe, type Describe } from './describe.ts';
import { decodeExecute, type Execute } from './execute.ts';
import { decodeFlush, type Flush } from './flush.ts';
import { decodeFunctionCall, type FunctionCall } from './function-call.ts';
import { decodeParse, type Parse } from './parse.ts';
import { decodeQuery, type Query } from './query.ts';
import { decodeSync, type Sync } from './sync.ts';
import { decodeTerminate, type Terminate } from './terminate.ts';

/** Everything that a client sends once it is logged in. */
export type FrontendMessage =
  | Bind
  | Close
  | CopyData
  | CopyDone
  | CopyFail
  | Describe
  | Execute
  | Flush
  | FunctionCall
  | Parse
  | Query
  | Sync
  | Terminate;

/**
 * Decodes any message of a logged-in client, by its tag; undefined if it is malformed or of another kind. For models and tests: the hot
 * path peeks instead.
 */
export function decodeFrontendMessage(buffer: Uint8Array, start: number, end: number): FrontendMessage | undefined {
  switch (buffer[start]) {
    case frontendTag.bind:
      return decodeBind(buffer, start, end);
    case frontendTag.close:
      return decodeClose(buffer, start, end);
    case frontendTag.copyData:
      return decodeCopyData(buffer, start, end);
    case frontendTag.copyDone:
      return decodeCopyDone(buffer, start, end);
    case frontendTag.copyFail:
      return decodeCopyFail(buffer, start, end);
    case frontendTag.describe:
      return decodeDescribe(buffer, start, end);
    case frontendTag.execute:
      return decodeExecute(buffer, start, end);
    case frontendTag.flush:
      return decodeFlush(buffer, start, end);
    case frontendTag.functionCall:
      return decodeFunctionCall(buffer, start, end);
    case frontendTag.parse:
      return decodeParse(buffer, start, end);
    case frontendTag.query:
      return decodeQuery(buffer, start, end);
    case frontendTag.sync:
      return decodeSync(buffer, start, end);
    case frontendTag.terminate:
      return decodeTerminate(buffer, start, end);
    default:
      return undefined;
  }
}
