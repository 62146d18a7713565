export type { Answer, Question } from './ask/question.ts';
export { Topics, type Asker, type TopicHandler } from './ask/topics.ts';
export { BodyReader, BodyWriter } from './body.ts';
export {
  consoleTopic,
  consoleVerbs,
  decodeConsoleCommand,
  decodeRemark,
  decodeViewAsked,
  encodeConsoleCommand,
  encodeRemark,
  encodeViewAsked,
  type ConsoleCommand,
  type ConsoleVerb,
} from './console/messages.ts';
export {
  cell,
  decodeTable,
  encodeTable,
  tableOf,
  type Cell,
  type Column,
  type ColumnType,
  type Table,
} from './console/table.ts';
export {
  bodyBytesMax,
  completionsOf,
  endsGroup,
  FrameReader,
  claimFlag,
  frameType,
  FrameWriter,
  headerBytes,
  protocolVersion,
  replyFlag,
  ranNothing,
  replyCount,
  requestCount,
  requestFlag,
  shapeOf,
  statusOfFlags,
  type FrameHandler,
  type FrameType,
} from './frame.ts';
export { Link, type LinkHandler, type LinkOptions } from './link.ts';
export {
  decodeDefine,
  decodeError,
  decodeHello,
  decodeOpen,
  decodeOpened,
  decodeTrace,
  encodeTrace,
  decodeSettings,
  encodeDefine,
  encodeError,
  encodeHello,
  encodeOpen,
  encodeOpened,
  encodeSettings,
  type CarriedSettings,
  type Credentials,
  type Define,
  type Hello,
  type Open,
  type Opened,
  type Replication,
} from './messages.ts';
export {
  readUses,
  requestCost,
  statementName,
  statementNameBytes,
  useBytes,
  useKind,
  usesLength,
  writeStatementName,
  writeUses,
  type Use,
  type UseKind,
} from './uses.ts';
export { ReceiveWindow, SendWindow, windowBytes } from './window.ts';
export { encryptedRelay, type RelayTls } from './encrypted-relay.ts';
