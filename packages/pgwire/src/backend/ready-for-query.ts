import { backendTag } from '../tags.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

/** Idle, in a transaction, in a transaction that failed: PostgreSQL's letters. */
export type TransactionStatus = 'I' | 'T' | 'E';

export const transactionIdle = 0x49; // I
export const transactionOpen = 0x54; // T
export const transactionFailed = 0x45; // E

export interface ReadyForQuery {
  readonly kind: 'readyForQuery';
  readonly status: TransactionStatus;
}

/** ReadyForQuery: all that was asked up to here is answered. */
export function encodeReadyForQuery(writer: MessageWriter, status: TransactionStatus): void {
  writer.begin(backendTag.readyForQuery);
  writer.int8(status.charCodeAt(0));
  writer.end();
}

export function decodeReadyForQuery(buffer: Uint8Array, start: number, end: number): ReadyForQuery | undefined {
  switch (peekReadyForQuery(buffer, start, end)) {
    case transactionIdle:
      return { kind: 'readyForQuery', status: 'I' };
    case transactionOpen:
      return { kind: 'readyForQuery', status: 'T' };
    case transactionFailed:
      return { kind: 'readyForQuery', status: 'E' };
    default:
      return undefined;
  }
}

/** `transactionIdle`, `transactionOpen`, `transactionFailed`, or 0 if malformed. */
export function peekReadyForQuery(buffer: Uint8Array, start: number, end: number): number {
  if (end - start !== 6) return 0;
  const status = buffer[start + 5] as number;
  return status === transactionIdle || status === transactionOpen || status === transactionFailed ? status : 0;
}
