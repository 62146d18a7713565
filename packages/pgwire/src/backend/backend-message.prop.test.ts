import type { PgReport } from '@multigres/core';
import { concat, emptyBytes, utf8, utf8Text } from '@multigres/core';
import * as fc from 'fast-check';
import { Parser } from 'pg-protocol/dist/parser.js';
import { describe, expect, it } from 'vitest';
import { decodeCopyData, encodeCopyData } from '../frontend/copy-data.ts';
import { encodeCopyDone } from '../frontend/copy-done.ts';
import { decoded, placed } from '../testing/one-message.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import * as authentication from './authentication.ts';
import { encodeBackendKeyData } from './backend-key-data.ts';
import { decodeBackendMessage, type BackendMessage } from './backend-message.ts';
import { encodeBindComplete } from './bind-complete.ts';
import { encodeCloseComplete } from './close-complete.ts';
import { encodeCommandComplete, peekCommandComplete } from './command-complete.ts';
import { encodeCopyResponse } from './copy-response.ts';
import { encodeDataRow } from './data-row.ts';
import { encodeEmptyQueryResponse } from './empty-query-response.ts';
import { decodeErrorResponse, encodeErrorResponse, peekSqlstate } from './error-response.ts';
import { encodeFunctionCallResponse } from './function-call-response.ts';
import { encodeNegotiateProtocolVersion } from './negotiate-protocol-version.ts';
import { encodeNoData } from './no-data.ts';
import { encodeNoticeResponse } from './notice-response.ts';
import { encodeNotificationResponse } from './notification-response.ts';
import { encodeParameterDescription } from './parameter-description.ts';
import { encodeParameterStatus } from './parameter-status.ts';
import { encodeParseComplete } from './parse-complete.ts';
import { encodePortalSuspended } from './portal-suspended.ts';
import { encodeReadyForQuery, peekReadyForQuery } from './ready-for-query.ts';
import { encodeRowDescription } from './row-description.ts';

type Write = (writer: MessageWriter) => void;
interface Case {
  readonly write: Write;
  readonly message: BackendMessage;
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100, size: 'max' }).map((value) => value.replaceAll('\0', '')),
  fc.string({ unit: 'grapheme-ascii', maxLength: 200, size: 'max' }),
);
const nonEmptyText = text.filter((value) => value !== '');
const bytes = fc.uint8Array({ maxLength: 80, size: 'max' });
const oid = fc.integer({ min: 0, max: 0xffff_ffff });
const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
const format = fc.constantFrom(0, 1);
const natural = fc.nat(1_000_000);
const sqlstate = fc.stringMatching(/^[0-9A-Z]{5}$/);

const optional = {
  detail: text,
  hint: text,
  position: natural,
  internalPosition: natural,
  internalQuery: text,
  where: text,
  schema: text,
  table: text,
  column: text,
  dataType: text,
  constraint: text,
  file: text,
  line: natural,
  routine: text,
};
const report: fc.Arbitrary<PgReport> = fc.record(
  { severity: fc.constantFrom('ERROR', 'FATAL', 'PANIC'), sqlstate, message: text, ...optional },
  { requiredKeys: ['severity', 'sqlstate', 'message'] },
);
const notice = fc.record(
  { severity: fc.constantFrom('WARNING', 'NOTICE', 'DEBUG', 'INFO', 'LOG'), sqlstate, message: text, ...optional },
  { requiredKeys: ['severity', 'sqlstate', 'message'] },
);
const column = fc.record({
  name: text,
  tableOid: oid,
  columnNumber: int16,
  typeOid: oid,
  typeSize: int16,
  typeModifier: int32,
  format,
});

function bare(write: Write, message: BackendMessage): fc.Arbitrary<Case> {
  return fc.constant({ write, message });
}

const authentications: fc.Arbitrary<Case>[] = [
  bare(authentication.encodeAuthenticationOk, { kind: 'authenticationOk' }),
  bare(authentication.encodeAuthenticationKerberosV5, { kind: 'authenticationKerberosV5' }),
  bare(authentication.encodeAuthenticationCleartextPassword, { kind: 'authenticationCleartextPassword' }),
  bare(authentication.encodeAuthenticationGss, { kind: 'authenticationGss' }),
  bare(authentication.encodeAuthenticationSspi, { kind: 'authenticationSspi' }),
  fc.uint8Array({ minLength: 4, maxLength: 4, size: 'max' }).map((salt) => ({
    write: (writer) => authentication.encodeAuthenticationMd5Password(writer, salt),
    message: { kind: 'authenticationMd5Password', salt },
  })),
  fc.array(nonEmptyText, { maxLength: 3, size: 'max' }).map((mechanisms) => ({
    write: (writer) => authentication.encodeAuthenticationSasl(writer, mechanisms),
    message: { kind: 'authenticationSasl', mechanisms },
  })),
  bytes.map((data) => ({
    write: (writer) => authentication.encodeAuthenticationGssContinue(writer, data),
    message: { kind: 'authenticationGssContinue', data },
  })),
  bytes.map((data) => ({
    write: (writer) => authentication.encodeAuthenticationSaslContinue(writer, data),
    message: { kind: 'authenticationSaslContinue', data },
  })),
  bytes.map((data) => ({
    write: (writer) => authentication.encodeAuthenticationSaslFinal(writer, data),
    message: { kind: 'authenticationSaslFinal', data },
  })),
];

const others: fc.Arbitrary<Case>[] = [
  bare(encodeParseComplete, { kind: 'parseComplete' }),
  bare(encodeBindComplete, { kind: 'bindComplete' }),
  bare(encodeCloseComplete, { kind: 'closeComplete' }),
  bare(encodeNoData, { kind: 'noData' }),
  bare(encodePortalSuspended, { kind: 'portalSuspended' }),
  bare(encodeEmptyQueryResponse, { kind: 'emptyQueryResponse' }),
  bare(encodeCopyDone, { kind: 'copyDone' }),
  fc.tuple(int32, fc.uint8Array({ minLength: 4, maxLength: 256, size: 'max' })).map(([processId, secretKey]) => ({
    write: (writer) => encodeBackendKeyData(writer, processId, secretKey),
    message: { kind: 'backendKeyData', processId, secretKey },
  })),
  fc.tuple(text, text).map(([name, value]) => ({
    write: (writer) => encodeParameterStatus(writer, name, value),
    message: { kind: 'parameterStatus', name, value },
  })),
  fc.constantFrom('I' as const, 'T' as const, 'E' as const).map((status) => ({
    write: (writer) => encodeReadyForQuery(writer, status),
    message: { kind: 'readyForQuery', status },
  })),
  fc.array(column, { maxLength: 4, size: 'max' }).map((columns) => ({
    write: (writer) => encodeRowDescription(writer, columns),
    message: { kind: 'rowDescription', columns },
  })),
  fc.array(fc.option(bytes), { maxLength: 5, size: 'max' }).map((values) => ({
    write: (writer) => encodeDataRow(writer, values),
    message: { kind: 'dataRow', values },
  })),
  text.map((commandTag) => ({
    write: (writer) => encodeCommandComplete(writer, commandTag),
    message: { kind: 'commandComplete', commandTag },
  })),
  report.map((value) => ({
    write: (writer) => encodeErrorResponse(writer, value),
    message: { kind: 'errorResponse', report: value },
  })),
  notice.map((value) => ({
    write: (writer) => encodeNoticeResponse(writer, value),
    message: { kind: 'noticeResponse', notice: value },
  })),
  fc.array(oid, { maxLength: 5, size: 'max' }).map((typeOids) => ({
    write: (writer) => encodeParameterDescription(writer, typeOids),
    message: { kind: 'parameterDescription', typeOids },
  })),
  fc
    .tuple(
      fc.constantFrom('in' as const, 'out' as const, 'both' as const),
      format,
      fc.array(format, { maxLength: 4, size: 'max' }),
    )
    .map(([direction, code, columnFormats]) => ({
      write: (writer) => encodeCopyResponse(writer, direction, code, columnFormats),
      message: {
        kind: ({ in: 'copyInResponse', out: 'copyOutResponse', both: 'copyBothResponse' } as const)[direction],
        format: code,
        columnFormats,
      },
    })),
  fc.tuple(int32, text, text).map(([processId, channel, payload]) => ({
    write: (writer) => encodeNotificationResponse(writer, processId, channel, payload),
    message: { kind: 'notificationResponse', processId, channel, payload },
  })),
  fc.tuple(fc.nat(9), fc.array(text, { maxLength: 3, size: 'max' })).map(([minor, unknownOptions]) => ({
    write: (writer) => encodeNegotiateProtocolVersion(writer, { major: 3, minor }, unknownOptions),
    message: { kind: 'negotiateProtocolVersion', version: { major: 3, minor }, unknownOptions },
  })),
  fc.option(bytes).map((result) => ({
    write: (writer) => encodeFunctionCallResponse(writer, result),
    message: { kind: 'functionCallResponse', result },
  })),
  bytes.map((data) => ({
    write: (writer) => encodeCopyData(writer, data),
    message: { kind: 'copyData', data },
  })),
];

const anyCase = fc.oneof(...authentications, ...others);

/** Kinds whose end is not marked: any bytes may follow. */
const openEnded: readonly BackendMessage['kind'][] = [
  'authenticationGssContinue',
  'authenticationSaslContinue',
  'authenticationSaslFinal',
  'backendKeyData',
  'copyData',
];

describe('encoding, then decoding, gives the same', () => {
  it.each(Array.from({ length: authentications.length + others.length }, (_, i) => i))('for case %i', (i) => {
    const arbitrary = [...authentications, ...others][i] as fc.Arbitrary<Case>;
    fc.assert(
      fc.property(arbitrary, ({ write, message }) => {
        expect(decoded(placed(write), decodeBackendMessage)).toEqual(message);
      }),
    );
  });

  it('and a message that is cut short or goes on is malformed', () => {
    fc.assert(
      fc.property(anyCase, fc.nat(), ({ write, message }, cut) => {
        if (openEnded.includes(message.kind)) return;
        const { buffer, start, end } = placed(write);
        expect(decodeBackendMessage(buffer, start, end + 1)).toBeUndefined();
        if (end - start > 5)
          expect(decodeBackendMessage(buffer, start, start + 5 + (cut % (end - start - 5)))).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});

describe('peeks', () => {
  it('agree with the codec', () => {
    fc.assert(
      fc.property(report, text, (value, tag) => {
        const error = placed((writer) => encodeErrorResponse(writer, value));
        const at = peekSqlstate(error.buffer, error.start, error.end);
        expect(utf8Text(error.buffer.subarray(at, at + 5))).toBe(value.sqlstate);
        const complete = placed((writer) => encodeCommandComplete(writer, tag));
        const end = peekCommandComplete(complete.buffer, complete.start, complete.end);
        expect(utf8Text(complete.buffer.subarray(complete.start + 5, end))).toBe(tag);
      }),
    );
    for (const status of ['I', 'T', 'E'] as const) {
      const ready = placed((writer) => encodeReadyForQuery(writer, status));
      expect(peekReadyForQuery(ready.buffer, ready.start, ready.end)).toBe(status.charCodeAt(0));
    }
  });
});

function fields(body: string): PgReport | undefined {
  const { buffer, start, end } = placed((writer) => {
    writer.begin(0x45);
    writer.text(body);
    writer.end();
  });
  return decodeErrorResponse(buffer, start, end)?.report;
}

describe('error reports of other servers', () => {
  it('may lack the untranslated severity', () => {
    expect(fields('SFATAL\0C42P01\0Mx\0\0')).toEqual({ severity: 'FATAL', sqlstate: '42P01', message: 'x' });
  });

  it('may have a severity in another language', () => {
    expect(fields('SFEHLER\0C42P01\0Mx\0\0')).toEqual({ severity: 'ERROR', sqlstate: '42P01', message: 'x' });
  });

  it('may have fields that nobody knows, and positions that are none', () => {
    expect(fields('VERROR\0!what\0C42P01\0Mx\0Pnowhere\0L12\0\0')).toEqual({
      severity: 'ERROR',
      sqlstate: '42P01',
      message: 'x',
      line: 12,
    });
  });

  it('may lack everything', () => {
    expect(fields('\0')).toEqual({ severity: 'ERROR', sqlstate: 'XX000', message: '' });
  });

  it('may have an SQLSTATE of another length, which a peek does not take', () => {
    for (const [body, offset] of [
      ['SERROR\0C12345\0\0', 8],
      ['SERROR\0C1234\0\0', undefined],
      ['SERROR\0C123456\0\0', undefined],
      ['C12345', undefined],
    ] as const) {
      const { buffer, start, end } = placed((writer) => {
        writer.begin(0x45);
        writer.text(body);
        writer.end();
      });
      expect(peekSqlstate(buffer, start, end)).toBe(offset === undefined ? -1 : start + 5 + offset);
    }
  });

  it('must end', () => {
    expect(fields('SERROR\0')).toBeUndefined();
    expect(fields('SERROR')).toBeUndefined();
    expect(fields('')).toBeUndefined();
  });
});

describe('lengths that no value has', () => {
  it.each([-2, -0x8000_0000, 5, 0x7fff_ffff])('such as %i are malformed', (length) => {
    const { buffer, start, end } = placed((writer) => {
      writer.begin(0x44);
      writer.int16(1);
      writer.int32(length);
      writer.text('four');
      writer.end();
    });
    expect(decodeBackendMessage(buffer, start, end)).toBeUndefined();
  });
});

describe('a length that points backwards', () => {
  it('does not make the decoder read the same bytes twice', () => {
    // Two values; the first is -6 bytes long, so the second would begin with the count, be 0x2ffff bytes long and fill the message.
    const { buffer, start, end } = placed((writer) => {
      writer.begin(0x44);
      writer.int16(2);
      writer.int32(-6);
      writer.bytes(new Uint8Array(4 + 0x2_ffff - 6));
      writer.end();
    });
    expect(decodeBackendMessage(buffer, start, end)).toBeUndefined();
  });
});

describe('random bytes', () => {
  it('never crash the decoders and the peeks', () => {
    const tags = fc.constantFrom(...Array.from('123ACDEGHIKNRSTVWZcdnstv', (letter) => letter.charCodeAt(0)));
    fc.assert(
      fc.property(tags, fc.uint8Array({ maxLength: 40, size: 'max' }), (tag, body) => {
        const { buffer, start, end } = placed((writer) => {
          writer.begin(tag);
          writer.bytes(body);
          writer.end();
        });
        decodeBackendMessage(buffer, start, end);
        peekReadyForQuery(buffer, start, end);
        const at = peekSqlstate(buffer, start, end);
        expect(at === -1 || (at > start && at + 5 < end)).toBe(true);
        expect(peekCommandComplete(buffer, start, end)).toBeLessThan(end);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('what is written here', () => {
  /** What pg-protocol makes of it. */
  function parsed(write: Write): Record<string, unknown> {
    const writer = new MessageWriter(256);
    write(writer);
    const messages: unknown[] = [];
    new Parser().parse(Buffer.from(writer.take()), (message: unknown) => messages.push(message));
    expect(messages.length).toBe(1);
    return messages[0] as Record<string, unknown>;
  }

  it('is read by pg-protocol', () => {
    fc.assert(
      fc.property(
        text,
        text,
        report,
        fc.array(fc.option(text), { maxLength: 4, size: 'max' }),
        (name, value, error, values) => {
          expect(parsed((writer) => encodeParameterStatus(writer, name, value))).toMatchObject({
            name: 'parameterStatus',
            parameterName: name,
            parameterValue: value,
          });
          expect(parsed((writer) => encodeCommandComplete(writer, name))).toMatchObject({
            name: 'commandComplete',
            text: name,
          });
          expect(parsed((writer) => encodeDataRow(writer, values))).toMatchObject({ name: 'dataRow', fields: values });
          expect(parsed((writer) => encodeNotificationResponse(writer, 7, name, value))).toMatchObject({
            name: 'notification',
            processId: 7,
            channel: name,
            payload: value,
          });
          const { sqlstate: code, position, internalPosition, line, ...rest } = error;
          expect(parsed((writer) => encodeErrorResponse(writer, error))).toMatchObject({
            name: 'error',
            code,
            ...rest,
            ...(position !== undefined && { position: String(position) }),
            ...(internalPosition !== undefined && { internalPosition: String(internalPosition) }),
            ...(line !== undefined && { line: String(line) }),
          });
        },
      ),
    );
  });

  it('is read by pg-protocol: columns', () => {
    fc.assert(
      fc.property(fc.array(column, { maxLength: 4, size: 'max' }), (columns) => {
        const expected = columns.map((each) => ({
          name: each.name,
          tableID: each.tableOid,
          columnID: each.columnNumber,
          dataTypeID: each.typeOid,
          dataTypeSize: each.typeSize,
          dataTypeModifier: each.typeModifier,
          format: each.format === 0 ? 'text' : 'binary',
        }));
        expect(parsed((writer) => encodeRowDescription(writer, columns))).toMatchObject({ fields: expected });
      }),
    );
  });

  it.each<readonly [string, Write, Record<string, unknown>]>([
    ['ParseComplete', encodeParseComplete, { name: 'parseComplete' }],
    ['BindComplete', encodeBindComplete, { name: 'bindComplete' }],
    ['CloseComplete', encodeCloseComplete, { name: 'closeComplete' }],
    ['NoData', encodeNoData, { name: 'noData' }],
    ['PortalSuspended', encodePortalSuspended, { name: 'portalSuspended' }],
    ['EmptyQueryResponse', encodeEmptyQueryResponse, { name: 'emptyQuery' }],
    ['CopyDone', encodeCopyDone, { name: 'copyDone' }],
    ['ReadyForQuery', (writer) => encodeReadyForQuery(writer, 'T'), { name: 'readyForQuery', status: 'T' }],
    [
      'BackendKeyData',
      (writer) => encodeBackendKeyData(writer, 9, Uint8Array.of(0, 0, 1, 2)),
      { processID: 9, secretKey: 258 },
    ],
    ['ParameterDescription', (writer) => encodeParameterDescription(writer, [23]), { dataTypeIDs: [23] }],
    [
      'CopyInResponse',
      (writer) => encodeCopyResponse(writer, 'in', 1, [1, 1]),
      { name: 'copyInResponse', binary: true, columnTypes: [1, 1] },
    ],
    [
      'CopyOutResponse',
      (writer) => encodeCopyResponse(writer, 'out', 0, [0]),
      { name: 'copyOutResponse', binary: false },
    ],
    ['AuthenticationOk', authentication.encodeAuthenticationOk, { name: 'authenticationOk' }],
    [
      'AuthenticationCleartextPassword',
      authentication.encodeAuthenticationCleartextPassword,
      { name: 'authenticationCleartextPassword' },
    ],
    [
      'AuthenticationSASL',
      (writer) => authentication.encodeAuthenticationSasl(writer, ['SCRAM-SHA-256']),
      { mechanisms: ['SCRAM-SHA-256'] },
    ],
    [
      'AuthenticationSASLContinue',
      (writer) => authentication.encodeAuthenticationSaslContinue(writer, 'r=x'),
      { name: 'authenticationSASLContinue', data: 'r=x' },
    ],
    [
      'AuthenticationSASLFinal',
      (writer) => authentication.encodeAuthenticationSaslFinal(writer, utf8('v=x')),
      { name: 'authenticationSASLFinal', data: 'v=x' },
    ],
  ])('is read by pg-protocol: %s', (_name, write, expected) => {
    expect(parsed(write)).toMatchObject(expected);
  });
});

describe('the writer', () => {
  it('hands over exactly what was written since the last time, and never changes it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyCase, fc.boolean()), { maxLength: 40, size: 'max' }), (cases) => {
        const writer = new MessageWriter(300);
        const taken: { readonly bytes: Uint8Array; readonly expected: Uint8Array }[] = [];
        let pending: Uint8Array[] = [emptyBytes, emptyBytes];
        for (const [{ write }, take] of cases) {
          write(writer);
          const alone = new MessageWriter(256);
          write(alone);
          pending.push(alone.take());
          if (!take) continue;
          taken.push({ bytes: writer.take(), expected: concat(pending) });
          pending = [emptyBytes, emptyBytes];
        }
        for (const { bytes: piece, expected } of taken) expect(piece).toEqual(expected);
      }),
    );
  });

  it('forgets half a message', () => {
    const writer = new MessageWriter(256);
    encodeNoData(writer);
    writer.take();
    writer.begin(0x44);
    writer.text('half');
    writer.clear();
    expect(writer.take()).toBe(emptyBytes);
    encodeNoData(writer);
    expect(writer.take()).toEqual(Uint8Array.of(0x6e, 0, 0, 0, 4));
  });

  it('refuses a text with a zero byte, which would end early on the wire', () => {
    expect(() => encodeCommandComplete(new MessageWriter(), 'a\0b')).toThrow('zero byte');
  });

  it('keeps long and short COPY data apart from its own memory', () => {
    const data = new Uint8Array(100_000).fill(7);
    const { buffer, start, end } = placed((writer) => encodeCopyData(writer, data));
    expect(decodeCopyData(buffer, start, end).data).toEqual(data);
  });
});
