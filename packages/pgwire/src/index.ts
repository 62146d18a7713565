// The public surface, in reading order: framing and writing, messages by direction, authentication, sessions.

export {
  Deframer,
  messageBytesMaxOfPostgres,
  smallMessageBytesMax,
  startupPacketBytesMax,
  type DeframerLimits,
  type DeframerState,
  type FrameSink,
  type PartPlace,
} from './frame/deframer.ts';
export {
  backendTag,
  backendTagTable,
  frontendTag,
  frontendTagTable,
  tagLarge,
  tagSmall,
  tagUnknown,
  type BackendTag,
  type FrontendTag,
  type TagTable,
} from './tags.ts';
export { MessageWriter } from './wire/message-writer.ts';
export { MessageReader } from './wire/message-reader.ts';
export { bytesAtEqual, hashAt, int32At, textAt, uint16At, uint32At, zeroAt } from './wire/scan.ts';
export {
  BindPeek,
  decodeBind,
  encodeBind,
  formatBinary,
  formatText,
  peekBind,
  writeBindRenamed,
  type Bind,
  type BindFields,
  type FormatCode,
} from './frontend/bind.ts';
export {
  cancelRequestCode,
  decodeCancelRequest,
  encodeCancelRequest,
  secretKeyBytesMax,
  type CancelRequest,
} from './frontend/cancel-request.ts';
export { decodeClose, encodeClose, peekClose, writeCloseRenamed, type Close } from './frontend/close.ts';
export { decodeCopyData, encodeCopyData, type CopyData } from './frontend/copy-data.ts';
export { decodeCopyDone, encodeCopyDone, type CopyDone } from './frontend/copy-done.ts';
export { decodeCopyFail, encodeCopyFail, type CopyFail } from './frontend/copy-fail.ts';
export {
  decodeDescribe,
  encodeDescribe,
  peekDescribe,
  writeDescribeRenamed,
  type Describe,
} from './frontend/describe.ts';
export { decodeExecute, encodeExecute, ExecutePeek, peekExecute, type Execute } from './frontend/execute.ts';
export { decodeFlush, encodeFlush, type Flush } from './frontend/flush.ts';
export { decodeFrontendMessage, type FrontendMessage } from './frontend/frontend-message.ts';
export {
  decodeFunctionCall,
  encodeFunctionCall,
  type FunctionCall,
  type FunctionCallFields,
} from './frontend/function-call.ts';
export { encodeGssencRequest, gssencRequestCode } from './frontend/gssenc-request.ts';
export { TargetPeek, type Target } from './frontend/named-target.ts';
export { decodeParse, encodeParse, ParsePeek, peekParse, writeParseRenamed, type Parse } from './frontend/parse.ts';
export { decodePasswordMessage, encodePasswordMessage, type PasswordMessage } from './frontend/password-message.ts';
export { decodeQuery, encodeQuery, peekQuery, type Query } from './frontend/query.ts';
export {
  decodeSaslInitialResponse,
  encodeSaslInitialResponse,
  type SaslInitialResponse,
} from './frontend/sasl-initial-response.ts';
export { decodeSaslResponse, encodeSaslResponse, type SaslResponse } from './frontend/sasl-response.ts';
export { encodeSslRequest, sslRequestCode } from './frontend/ssl-request.ts';
export {
  decodeStartupMessage,
  encodeStartupMessage,
  type ProtocolVersion,
  type StartupMessage,
} from './frontend/startup-message.ts';
export { decodeStartupPacket, type StartupPacket } from './frontend/startup-packet.ts';
export { decodeSync, encodeSync, type Sync } from './frontend/sync.ts';
export { decodeTerminate, encodeTerminate, type Terminate } from './frontend/terminate.ts';
export {
  authenticationCode,
  decodeAuthentication,
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationGss,
  encodeAuthenticationGssContinue,
  encodeAuthenticationKerberosV5,
  encodeAuthenticationMd5Password,
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
  encodeAuthenticationSspi,
  type Authentication,
} from './backend/authentication.ts';
export { decodeBackendKeyData, encodeBackendKeyData, type BackendKeyData } from './backend/backend-key-data.ts';
export { decodeBackendMessage, type BackendMessage } from './backend/backend-message.ts';
export { decodeBindComplete, encodeBindComplete, type BindComplete } from './backend/bind-complete.ts';
export { decodeCloseComplete, encodeCloseComplete, type CloseComplete } from './backend/close-complete.ts';
export {
  decodeCommandComplete,
  encodeCommandComplete,
  peekCommandComplete,
  type CommandComplete,
} from './backend/command-complete.ts';
export {
  decodeCopyResponse,
  encodeCopyResponse,
  type CopyDirection,
  type CopyResponse,
} from './backend/copy-response.ts';
export { decodeDataRow, encodeDataRow, type DataRow } from './backend/data-row.ts';
export {
  decodeEmptyQueryResponse,
  encodeEmptyQueryResponse,
  type EmptyQueryResponse,
} from './backend/empty-query-response.ts';
export {
  decodeErrorResponse,
  encodeErrorResponse,
  peekSqlstate,
  type ErrorResponse,
} from './backend/error-response.ts';
export {
  decodeFunctionCallResponse,
  encodeFunctionCallResponse,
  type FunctionCallResponse,
} from './backend/function-call-response.ts';
export {
  decodeNegotiateProtocolVersion,
  encodeNegotiateProtocolVersion,
  type NegotiateProtocolVersion,
} from './backend/negotiate-protocol-version.ts';
export { decodeNoData, encodeNoData, type NoData } from './backend/no-data.ts';
export {
  decodeNoticeResponse,
  encodeNoticeResponse,
  type NoticeResponse,
  type NoticeSeverity,
  type PgNotice,
} from './backend/notice-response.ts';
export {
  decodeNotificationResponse,
  encodeNotificationResponse,
  type NotificationResponse,
} from './backend/notification-response.ts';
export {
  decodeParameterDescription,
  encodeParameterDescription,
  type ParameterDescription,
} from './backend/parameter-description.ts';
export { decodeParameterStatus, encodeParameterStatus, type ParameterStatus } from './backend/parameter-status.ts';
export { decodeParseComplete, encodeParseComplete, type ParseComplete } from './backend/parse-complete.ts';
export { decodePortalSuspended, encodePortalSuspended, type PortalSuspended } from './backend/portal-suspended.ts';
export {
  decodeReadyForQuery,
  encodeReadyForQuery,
  peekReadyForQuery,
  transactionFailed,
  transactionIdle,
  transactionOpen,
  type ReadyForQuery,
  type TransactionStatus,
} from './backend/ready-for-query.ts';
export {
  decodeRowDescription,
  encodeRowDescription,
  type ColumnDescription,
  type RowDescription,
} from './backend/row-description.ts';
export { decodeBase64, encodeBase64 } from './auth/base64.ts';
export { md5Proves, md5Response, md5Verifier } from './auth/md5.ts';
export {
  scramClientFinal,
  scramClientFirst,
  scramClientVerify,
  scramIterationsMax,
  type ScramClientFinal,
  type ScramClientFirst,
  type ScramSecret,
} from './auth/scram-client.ts';
export {
  formatScramVerifier,
  mockScramVerifier,
  parseScramVerifier,
  scramIterationsDefault,
  scramKeyBytes,
  scramKeysOfPassword,
  scramMechanism,
  scramPlusMechanism,
  scramSaltBytes,
  scramStoredKey,
  scramVerifierOfKeys,
  scramVerifierOfPassword,
  type ScramKeys,
  type ScramVerifier,
} from './auth/scram-keys.ts';
export { channelBindingType, tlsServerEndPoint } from './auth/tls-server-end-point.ts';
export {
  scramServerFinal,
  scramServerFirst,
  type ScramServerExchange,
  type ScramServerFinal,
  type ScramServerFirst,
} from './auth/scram-server.ts';
export {
  clientStartupMachine,
  type BackendSession,
  type ClientCredential,
  type ClientStartupEffect,
  type ClientStartupEvent,
  type ClientStartupOptions,
  type ClientStartupState,
} from './session/client-startup.machine.ts';
export {
  RepliesOwed,
  repliesOwedInvariants,
  replyUnit,
  type CopyMode,
  type Received,
  type RepliesOwedView,
  type ReplyUnit,
  type Sent,
} from './session/replies-owed.ts';
export {
  serverStartupMachine,
  type AcceptedSession,
  type AuthenticationMethod,
  type ServerStartupEffect,
  type ServerStartupEvent,
  type ServerStartupOptions,
  type ServerStartupState,
  type StoredSecret,
} from './session/server-startup.machine.ts';
export {
  parseStartupOptions,
  splitStartupOptions,
  type StartupOptions,
  type StartupSetting,
} from './session/startup-options.ts';
export { judgeSslAnswer, type SslAnswer } from './session/ssl-answer.ts';
export { readStartup, type ReadStartup, type StartupReading, type StartupRequest } from './session/startup-request.ts';
export {
  emptyPassword,
  invalidCancelRequest,
  expectedAuthenticationResponse,
  invalidFrontendTag,
  invalidMessageFormat,
  invalidMessageLength,
  invalidPasswordPacket,
  invalidReplication,
  invalidSaslMechanism,
  invalidStartupLayout,
  invalidStartupLength,
  invalidStartupOption,
  malformedScram,
  noPasswordFor,
  noUserName,
  onlyScramKeysFor,
  passwordAuthenticationFailed,
  refusedByServer,
  scramChannelBindingDowngrade,
  scramChannelBindingFailed,
  scramChannelBindingMismatch,
  scramNonceMismatch,
  scramRefusedByServer,
  serverNotAuthentic,
  serverRefusesTls,
  startupOptionNeedsValue,
  unencryptedDataAfter,
  unexpectedFromServer,
  unsupportedAuthentication,
  unsupportedProtocol,
  unsupportedScram,
} from './errors.ts';
