import { encodeCommandComplete, encodeErrorResponse, encodeReadyForQuery, MessageWriter } from '@multigres/pgwire';
import { expect, test } from 'vitest';
import { cancelledError } from './cancelled-error.ts';

function errorOf(sqlstate: string): (writer: MessageWriter) => void {
  return (writer) => encodeErrorResponse(writer, { severity: 'ERROR', sqlstate, message: 'x' });
}

function bytesOf(...writes: readonly ((writer: MessageWriter) => void)[]): Uint8Array {
  const writer = new MessageWriter();
  for (const write of writes) write(writer);
  return writer.take();
}

test('the error of a cancelled statement is found among other messages', () => {
  const before = bytesOf((writer) => encodeCommandComplete(writer, 'SELECT 1'), errorOf('22012'));
  const error = bytesOf(errorOf('57014'));
  const all = bytesOf(
    (writer) => encodeCommandComplete(writer, 'SELECT 1'),
    errorOf('22012'),
    errorOf('57014'),
    (writer) => encodeReadyForQuery(writer, 'I'),
  );
  expect(cancelledError(all, 0, all.length)).toEqual({ start: before.length, end: before.length + error.length });
});

test('other errors, and one that is not whole, are left alone', () => {
  const other = bytesOf(errorOf('22012'));
  expect(cancelledError(other, 0, other.length)).toBeUndefined();
  const cut = bytesOf(errorOf('57014'));
  expect(cancelledError(cut, 0, cut.length - 1)).toBeUndefined();
});
