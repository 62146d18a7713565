/**
 * The first byte of each message (PostgreSQL documentation, "Message Formats"). The same letter means different messages in the two
 * directions, hence two tables.
 */
export const frontendTag = {
  bind: 0x42, // B
  close: 0x43, // C
  describe: 0x44, // D
  execute: 0x45, // E
  functionCall: 0x46, // F
  flush: 0x48, // H
  parse: 0x50, // P
  query: 0x51, // Q
  sync: 0x53, // S
  terminate: 0x58, // X
  copyDone: 0x63, // c
  copyData: 0x64, // d
  copyFail: 0x66, // f
  /** PasswordMessage, SASLInitialResponse, SASLResponse, GSSResponse: the conversation tells which. */
  authenticationResponse: 0x70, // p
} as const;

export const backendTag = {
  parseComplete: 0x31, // 1
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  notificationResponse: 0x41, // A
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  errorResponse: 0x45, // E
  copyInResponse: 0x47, // G
  copyOutResponse: 0x48, // H
  emptyQueryResponse: 0x49, // I
  backendKeyData: 0x4b, // K
  noticeResponse: 0x4e, // N
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  rowDescription: 0x54, // T
  functionCallResponse: 0x56, // V
  copyBothResponse: 0x57, // W
  readyForQuery: 0x5a, // Z
  copyDone: 0x63, // c
  copyData: 0x64, // d
  noData: 0x6e, // n
  portalSuspended: 0x73, // s
  parameterDescription: 0x74, // t
  negotiateProtocolVersion: 0x76, // v
} as const;

export type FrontendTag = (typeof frontendTag)[keyof typeof frontendTag];
export type BackendTag = (typeof backendTag)[keyof typeof backendTag];

/** What follows the tag: none known, a message that is always short, or one of any length. */
export const tagUnknown = 0;
export const tagSmall = 1;
export const tagLarge = 2;

/** For each of the 256 possible tags: `tagUnknown`, `tagSmall` or `tagLarge`. */
export type TagTable = Uint8Array;

const smallFrontendTags: readonly number[] = [
  frontendTag.close,
  frontendTag.describe,
  frontendTag.execute,
  frontendTag.flush,
  frontendTag.sync,
  frontendTag.terminate,
  frontendTag.copyDone,
  frontendTag.copyFail,
];

/**
 * What a client may send, with the lengths PostgreSQL takes (`SocketBackend`): the messages that carry names only are limited to
 * 10,000 bytes there. Give it to the deframer of a client's connection.
 */
export function frontendTagTable(): TagTable {
  const table = new Uint8Array(256);
  for (const tag of Object.values(frontendTag)) table[tag] = smallFrontendTags.includes(tag) ? tagSmall : tagLarge;
  return table;
}

/** What a server may send; no length is limited by tag. */
export function backendTagTable(): TagTable {
  const table = new Uint8Array(256);
  for (const tag of Object.values(backendTag)) table[tag] = tagLarge;
  return table;
}
