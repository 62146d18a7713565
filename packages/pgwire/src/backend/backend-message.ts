import { backendTag } from '../tags.ts';
import { decodeAuthentication, type Authentication } from './authentication.ts';
import { decodeBackendKeyData, type BackendKeyData } from './backend-key-data.ts';
import { decodeBindComplete, type BindComplete } from './bind-complete.ts';
import { decodeCloseComplete, type CloseComplete } from './close-complete.ts';
import { decodeCommandComplete, type CommandComplete } from './command-complete.ts';
import { decodeCopyData, type CopyData } from '../frontend/copy-data.ts';
import { decodeCopyDone, type CopyDone } from '../frontend/copy-done.ts';
import { decodeCopyResponse, type CopyResponse } from './copy-response.ts';
import { decodeDataRow, type DataRow } from './data-row.ts';
import { decodeEmptyQueryResponse, type EmptyQueryResponse } from './empty-query-response.ts';
import { decodeErrorResponse, type ErrorResponse } from './error-response.ts';
import { decodeFunctionCallResponse, type FunctionCallResponse } from './function-call-response.ts';
import { decodeNegotiateProtocolVersion, type NegotiateProtocolVersion } from './negotiate-protocol-version.ts';
import { decodeNoData, type NoData } from './no-data.ts';
import { decodeNoticeResponse, type NoticeResponse } from './notice-response.ts';
import { decodeNotificationResponse, type NotificationResponse } from './notification-response.ts';
import { decodeParameterDescription, type ParameterDescription } from './parameter-description.ts';
import { decodeParameterStatus, type ParameterStatus } from './parameter-status.ts';
import { decodeParseComplete, type ParseComplete } from './parse-complete.ts';
import { decodePortalSuspended, type PortalSuspended } from './portal-suspended.ts';
import { decodeReadyForQuery, type ReadyForQuery } from './ready-for-query.ts';
import { decodeRowDescription, type RowDescription } from './row-description.ts';

/** Everything that a server sends, but for the one byte that answers SSLRequest and GSSENCRequest. */
export type BackendMessage =
  | Authentication
  | BackendKeyData
  | BindComplete
  | CloseComplete
  | CommandComplete
  | CopyData
  | CopyDone
  | CopyResponse
  | DataRow
  | EmptyQueryResponse
  | ErrorResponse
  | FunctionCallResponse
  | NegotiateProtocolVersion
  | NoData
  | NoticeResponse
  | NotificationResponse
  | ParameterDescription
  | ParameterStatus
  | ParseComplete
  | PortalSuspended
  | ReadyForQuery
  | RowDescription;

/**
 * Decodes any message of a server, by its tag; undefined if it is malformed or of another kind. For models and tests: the hot path peeks
 * instead. Whole because it is a table.
 */
export function decodeBackendMessage(buffer: Uint8Array, start: number, end: number): BackendMessage | undefined {
  switch (buffer[start]) {
    case backendTag.authentication:
      return decodeAuthentication(buffer, start, end);
    case backendTag.backendKeyData:
      return decodeBackendKeyData(buffer, start, end);
    case backendTag.bindComplete:
      return decodeBindComplete(buffer, start, end);
    case backendTag.closeComplete:
      return decodeCloseComplete(buffer, start, end);
    case backendTag.commandComplete:
      return decodeCommandComplete(buffer, start, end);
    case backendTag.copyData:
      return decodeCopyData(buffer, start, end);
    case backendTag.copyDone:
      return decodeCopyDone(buffer, start, end);
    case backendTag.copyInResponse:
    case backendTag.copyOutResponse:
    case backendTag.copyBothResponse:
      return decodeCopyResponse(buffer, start, end);
    case backendTag.dataRow:
      return decodeDataRow(buffer, start, end);
    case backendTag.emptyQueryResponse:
      return decodeEmptyQueryResponse(buffer, start, end);
    case backendTag.errorResponse:
      return decodeErrorResponse(buffer, start, end);
    case backendTag.functionCallResponse:
      return decodeFunctionCallResponse(buffer, start, end);
    case backendTag.negotiateProtocolVersion:
      return decodeNegotiateProtocolVersion(buffer, start, end);
    case backendTag.noData:
      return decodeNoData(buffer, start, end);
    case backendTag.noticeResponse:
      return decodeNoticeResponse(buffer, start, end);
    case backendTag.notificationResponse:
      return decodeNotificationResponse(buffer, start, end);
    case backendTag.parameterDescription:
      return decodeParameterDescription(buffer, start, end);
    case backendTag.parameterStatus:
      return decodeParameterStatus(buffer, start, end);
    case backendTag.parseComplete:
      return decodeParseComplete(buffer, start, end);
    case backendTag.portalSuspended:
      return decodePortalSuspended(buffer, start, end);
    case backendTag.readyForQuery:
      return decodeReadyForQuery(buffer, start, end);
    case backendTag.rowDescription:
      return decodeRowDescription(buffer, start, end);
    default:
      return undefined;
  }
}
