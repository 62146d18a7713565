import { sameBytes, utf8, utf8Text } from '@multigres/core';
import * as fc from 'fast-check';
import { serialize } from 'pg-protocol';
import { describe, expect, it } from 'vitest';
import { decoded, placed, placedBytes, type PlacedMessage } from '../testing/one-message.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { BindPeek, decodeBind, encodeBind, peekBind, writeBindRenamed } from './bind.ts';
import { decodeCancelRequest, encodeCancelRequest } from './cancel-request.ts';
import { decodeClose, encodeClose, peekClose, writeCloseRenamed } from './close.ts';
import { decodeCopyData, encodeCopyData } from './copy-data.ts';
import { decodeCopyDone, encodeCopyDone } from './copy-done.ts';
import { decodeCopyFail, encodeCopyFail } from './copy-fail.ts';
import { decodeDescribe, encodeDescribe, peekDescribe, writeDescribeRenamed } from './describe.ts';
import { decodeExecute, encodeExecute, ExecutePeek, peekExecute } from './execute.ts';
import { decodeFlush, encodeFlush } from './flush.ts';
import { decodeFrontendMessage } from './frontend-message.ts';
import { decodeFunctionCall, encodeFunctionCall } from './function-call.ts';
import { encodeGssencRequest } from './gssenc-request.ts';
import { TargetPeek } from './named-target.ts';
import { decodeParse, encodeParse, ParsePeek, peekParse, writeParseRenamed } from './parse.ts';
import { decodePasswordMessage, encodePasswordMessage } from './password-message.ts';
import { decodeQuery, encodeQuery, peekQuery } from './query.ts';
import { decodeSaslInitialResponse, encodeSaslInitialResponse } from './sasl-initial-response.ts';
import { decodeSaslResponse, encodeSaslResponse } from './sasl-response.ts';
import { encodeSslRequest } from './ssl-request.ts';
import { decodeStartupMessage, encodeStartupMessage } from './startup-message.ts';
import { decodeStartupPacket } from './startup-packet.ts';
import { decodeSync, encodeSync } from './sync.ts';
import { decodeTerminate, encodeTerminate } from './terminate.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100, size: 'max' }).map((value) => value.replaceAll('\0', '')),
  fc.string({ unit: 'grapheme-ascii', maxLength: 200, size: 'max' }),
);
const nonEmptyText = text.filter((value) => value !== '');
const bytes = fc.uint8Array({ maxLength: 80, size: 'max' });
const nullable = fc.option(bytes);
const oid = fc.integer({ min: 0, max: 0xffff_ffff });
const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const formats = fc.array(fc.constantFrom(0, 1, -1), { maxLength: 4, size: 'max' });
const target = fc.constantFrom('statement' as const, 'portal' as const);

describe('encoding, then decoding, gives the same', () => {
  it('for a query', () => {
    fc.assert(
      fc.property(text, (value) => {
        const message = placed((writer) => encodeQuery(writer, value));
        expect(decoded(message, decodeQuery)).toEqual({ kind: 'query', text: value });
        expect(peekQuery(message.buffer, message.start, message.end)).toBe(message.end - 1);
      }),
    );
  });

  it('for Parse', () => {
    fc.assert(
      fc.property(text, text, fc.array(oid, { maxLength: 5, size: 'max' }), (statement, query, parameterTypes) => {
        const message = placed((writer) => encodeParse(writer, statement, query, parameterTypes));
        expect(decoded(message, decodeParse)).toEqual({ kind: 'parse', statement, query, parameterTypes });
      }),
    );
  });

  it('for Bind', () => {
    fc.assert(
      fc.property(
        text,
        text,
        formats,
        fc.array(nullable, { maxLength: 5, size: 'max' }),
        formats,
        (portal, statement, parameterFormats, parameters, resultFormats) => {
          const fields = { portal, statement, parameterFormats, parameters, resultFormats };
          const message = placed((writer) => encodeBind(writer, fields));
          expect(decoded(message, decodeBind)).toEqual({ kind: 'bind', ...fields });
        },
      ),
    );
  });

  it('for Describe and Close', () => {
    fc.assert(
      fc.property(target, text, (which, name) => {
        const description = placed((writer) => encodeDescribe(writer, which, name));
        expect(decoded(description, decodeDescribe)).toEqual({ kind: 'describe', target: which, name });
        const close = placed((writer) => encodeClose(writer, which, name));
        expect(decoded(close, decodeClose)).toEqual({ kind: 'close', target: which, name });
      }),
    );
  });

  it('for Execute', () => {
    fc.assert(
      fc.property(text, int32, (portal, rowsMax) => {
        const message = placed((writer) => encodeExecute(writer, portal, rowsMax));
        expect(decoded(message, decodeExecute)).toEqual({ kind: 'execute', portal, rowsMax });
        const peek = new ExecutePeek();
        expect(peekExecute(message.buffer, message.start, message.end, peek)).toBe(true);
        expect(utf8Text(message.buffer.subarray(peek.portalStart, peek.portalEnd))).toBe(portal);
        expect(peek.rowsMax).toBe(rowsMax);
      }),
    );
  });

  it('for FunctionCall', () => {
    fc.assert(
      fc.property(
        oid,
        formats,
        fc.array(nullable, { maxLength: 4, size: 'max' }),
        (functionOid, argumentFormats, values) => {
          const fields = { functionOid, argumentFormats, arguments: values, resultFormat: 1 };
          const message = placed((writer) => encodeFunctionCall(writer, fields));
          expect(decoded(message, decodeFunctionCall)).toEqual({ kind: 'functionCall', ...fields });
        },
      ),
    );
  });

  it('for COPY', () => {
    fc.assert(
      fc.property(bytes, text, (data, message) => {
        expect(
          decoded(
            placed((writer) => encodeCopyData(writer, data)),
            decodeCopyData,
          ).data,
        ).toEqual(data);
        expect(
          decoded(
            placed((writer) => encodeCopyFail(writer, message)),
            decodeCopyFail,
          ).message,
        ).toBe(message);
      }),
    );
    expect(decoded(placed(encodeCopyDone), decodeCopyDone)).toEqual({ kind: 'copyDone' });
  });

  it('for messages without a body', () => {
    expect(decoded(placed(encodeFlush), decodeFlush)).toEqual({ kind: 'flush' });
    expect(decoded(placed(encodeSync), decodeSync)).toEqual({ kind: 'sync' });
    expect(decoded(placed(encodeTerminate), decodeTerminate)).toEqual({ kind: 'terminate' });
  });

  it('for authentication', () => {
    fc.assert(
      fc.property(text, nullable, bytes, (value, response, data) => {
        const password = placed((writer) => encodePasswordMessage(writer, value));
        expect(decoded(password, decodePasswordMessage).password).toBe(value);
        const initial = placed((writer) => encodeSaslInitialResponse(writer, value, response));
        expect(decoded(initial, decodeSaslInitialResponse)).toMatchObject({ mechanism: value, response });
        expect(
          decoded(
            placed((writer) => encodeSaslResponse(writer, data)),
            decodeSaslResponse,
          ).data,
        ).toEqual(data);
      }),
    );
  });

  it('for startup packets', () => {
    const parameters = fc.uniqueArray(fc.tuple(nonEmptyText, text), {
      selector: ([name]) => name,
      maxLength: 5,
      size: 'max',
    });
    fc.assert(
      fc.property(fc.nat(0xffff), parameters, (minor, pairs) => {
        const message = placed((writer) => encodeStartupMessage(writer, { major: 3, minor }, pairs));
        const startup = decoded(message, decodeStartupPacket);
        expect(startup).toEqual({ kind: 'startup', version: { major: 3, minor }, parameters: new Map(pairs) });
      }),
    );
    expect(decoded(placed(encodeSslRequest), decodeStartupPacket)).toEqual({ kind: 'sslRequest' });
    expect(decoded(placed(encodeGssencRequest), decodeStartupPacket)).toEqual({ kind: 'gssencRequest' });
    const old = placed((writer) => encodeStartupMessage(writer, { major: 2, minor: 0 }, []));
    expect(decoded(old, decodeStartupPacket)).toEqual({ kind: 'unsupportedVersion', version: { major: 2, minor: 0 } });
  });

  it('for CancelRequest with keys of 4 to 256 bytes', () => {
    fc.assert(
      fc.property(int32, fc.uint8Array({ minLength: 4, maxLength: 256, size: 'max' }), (processId, secretKey) => {
        const message = placed((writer) => encodeCancelRequest(writer, processId, secretKey));
        expect(decoded(message, decodeStartupPacket)).toEqual({ kind: 'cancelRequest', processId, secretKey });
      }),
    );
    for (const length of [0, 3, 257]) {
      const bad = placedBytes(
        Uint8Array.of(0, 0, 0, 12 + length, 4, 210, 22, 46, 0, 0, 0, 1, ...new Uint8Array(length)),
      );
      expect(decodeCancelRequest(bad.buffer, bad.start, bad.end)).toBeUndefined();
    }
  });
});

function textIn(message: PlacedMessage, start: number, end: number): string {
  return utf8Text(message.buffer.subarray(start, end));
}

describe('peeking and renaming', () => {
  it('agree with the codec for Parse', () => {
    const peek = new ParsePeek();
    fc.assert(
      fc.property(
        text,
        text,
        text,
        fc.array(oid, { maxLength: 3, size: 'max' }),
        (statement, query, renamed, types) => {
          const message = placed((writer) => encodeParse(writer, statement, query, types));
          expect(peekParse(message.buffer, message.start, message.end, peek)).toBe(true);
          expect(textIn(message, peek.statementStart, peek.statementEnd)).toBe(statement);
          expect(textIn(message, peek.queryStart, peek.queryEnd)).toBe(query);
          expect([peek.typesCount, peek.typesStart]).toEqual([types.length, message.end - 4 * types.length]);
          const writer = new MessageWriter(256);
          expect(writeParseRenamed(writer, message.buffer, message.start, message.end, utf8(renamed))).toBe(true);
          const expected = new MessageWriter(256);
          encodeParse(expected, renamed, query, types);
          expect(writer.take()).toEqual(expected.take());
        },
      ),
    );
  });

  it('agree with the codec for Bind', () => {
    const peek = new BindPeek();
    fc.assert(
      fc.property(
        text,
        text,
        text,
        fc.array(nullable, { maxLength: 3, size: 'max' }),
        (portal, statement, renamed, parameters) => {
          const message = placed((writer) => encodeBind(writer, { portal, statement, parameters }));
          expect(peekBind(message.buffer, message.start, message.end, peek)).toBe(true);
          expect(textIn(message, peek.portalStart, peek.portalEnd)).toBe(portal);
          expect(textIn(message, peek.statementStart, peek.statementEnd)).toBe(statement);
          const writer = new MessageWriter(256);
          expect(writeBindRenamed(writer, message.buffer, message.start, message.end, utf8(renamed))).toBe(true);
          const expected = new MessageWriter(256);
          encodeBind(expected, { portal, statement: renamed, parameters });
          expect(writer.take()).toEqual(expected.take());
        },
      ),
    );
  });

  it('agree with the codec for Describe and Close', () => {
    const peek = new TargetPeek();
    fc.assert(
      fc.property(target, text, text, (which, statement, renamed) => {
        for (const [encode, peekAt, rename] of [
          [encodeDescribe, peekDescribe, writeDescribeRenamed],
          [encodeClose, peekClose, writeCloseRenamed],
        ] as const) {
          const message = placed((writer) => encode(writer, which, statement));
          expect(peekAt(message.buffer, message.start, message.end, peek)).toBe(true);
          expect([peek.target, textIn(message, peek.nameStart, peek.nameEnd)]).toEqual([which, statement]);
          const writer = new MessageWriter(256);
          expect(rename(writer, message.buffer, message.start, message.end, utf8(renamed))).toBe(true);
          const expected = new MessageWriter(256);
          encode(expected, which, renamed);
          expect(writer.take()).toEqual(expected.take());
        }
      }),
    );
  });
});

describe('malformed messages', () => {
  it('never crash the decoders, the peeks and the renamers, which agree on what is malformed', () => {
    const tags = fc.constantFrom(...Array.from('BCDEFHPQSXcdfp', (letter) => letter.charCodeAt(0)));
    fc.assert(
      fc.property(tags, fc.uint8Array({ maxLength: 40, size: 'max' }), (tag, body) => {
        const { buffer, start, end } = placed((writer) => {
          writer.begin(tag);
          writer.bytes(body);
          writer.end();
        });
        const message = decodeFrontendMessage(buffer, start, end);
        decodeStartupPacket(buffer, start, end);
        decodeStartupMessage(buffer, start, end);
        decodeSaslInitialResponse(buffer, start, end);
        expect(peekParse(buffer, start, end, new ParsePeek())).toBe(decodeParse(buffer, start, end) !== undefined);
        expect(peekExecute(buffer, start, end, new ExecutePeek())).toBe(
          decodeExecute(buffer, start, end) !== undefined,
        );
        expect(peekClose(buffer, start, end, new TargetPeek())).toBe(decodeClose(buffer, start, end) !== undefined);
        expect(peekQuery(buffer, start, end) > 0).toBe(decodeQuery(buffer, start, end) !== undefined);
        const writer = new MessageWriter(256);
        for (const rename of [writeParseRenamed, writeBindRenamed, writeCloseRenamed]) {
          if (!rename(writer, buffer, start, end, utf8('x'))) expect(writer.take().length).toBe(0);
          else writer.clear();
        }
        if (message) expect(message.kind).not.toBe('');
      }),
      { numRuns: 3000 },
    );
  });

  it('with names that do not end inside are not peeked at', () => {
    for (const length of [3, 60, 300]) {
      for (const names of [0, 1]) {
        const { buffer, start, end } = placed((writer) => {
          writer.begin(0x42);
          for (let i = 0; i < names; i++) writer.cstring('x'.repeat(length));
          writer.text('y'.repeat(length));
          writer.end();
        });
        const writer = new MessageWriter(256);
        expect(peekBind(buffer, start, end, new BindPeek())).toBe(false);
        expect(writeBindRenamed(writer, buffer, start, end, utf8('x'))).toBe(false);
        expect(peekParse(buffer, start, end, new ParsePeek())).toBe(false);
        expect(peekExecute(buffer, start, end, new ExecutePeek())).toBe(false);
        expect(peekQuery(buffer, start, end)).toBe(-1);
        expect(writer.take().length).toBe(0);
      }
    }
  });

  it('do not end early or late', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...pgProtocolMessages()),
        fc.uint8Array({ minLength: 1, maxLength: 3, size: 'max' }),
        (whole, extra) => {
          const tag = String.fromCharCode(whole[0] as number);
          // COPY data end anywhere.
          if (tag === 'd') return;
          for (const body of [whole.subarray(5, -1), new Uint8Array([...whole.subarray(5), ...extra])]) {
            if (body.length === 0 && whole.length === 5) continue;
            const { buffer, start, end } = placed((writer) => {
              writer.begin(whole[0] as number);
              writer.bytes(body);
              writer.end();
            });
            expect(decodeFrontendMessage(buffer, start, end)).toBeUndefined();
          }
        },
      ),
    );
  });
});

function pgProtocolMessages(): Uint8Array[] {
  return [
    serialize.query('select 1'),
    serialize.parse({ name: 'a', text: 'select $1', types: [23, 25] }),
    serialize.bind({ portal: 'p', statement: 'a', values: ['1', null] }),
    serialize.execute({ portal: 'p', rows: 3 }),
    serialize.describe({ type: 'S', name: 'a' }),
    serialize.close({ type: 'P', name: 'p' }),
    serialize.copyData(Buffer.from('x')),
    serialize.copyFail('why'),
  ];
}

function decode(whole: Uint8Array): unknown {
  return decoded(placedBytes(whole), decodeFrontendMessage);
}

describe('what pg-protocol writes', () => {
  it('is read here', () => {
    fc.assert(
      fc.property(
        text,
        text.map((value) => [...value].slice(0, 30).join('')),
        fc.option(text),
        oid,
        (query, name, value, type) => {
          expect(decode(serialize.query(query))).toEqual({ kind: 'query', text: query });
          expect(decode(serialize.parse({ name, text: query, types: [type | 0] }))).toEqual({
            kind: 'parse',
            statement: name,
            query,
            parameterTypes: [type],
          });
          expect(decode(serialize.bind({ portal: name, statement: query, values: [value, Buffer.from([7])] }))).toEqual(
            {
              kind: 'bind',
              portal: name,
              statement: query,
              parameterFormats: [0, 1],
              parameters: [value === null ? null : utf8(value), Uint8Array.of(7)],
              resultFormats: [0],
            },
          );
          expect(decode(serialize.execute({ portal: name, rows: 5 }))).toEqual({
            kind: 'execute',
            portal: name,
            rowsMax: 5,
          });
          expect(decode(serialize.describe({ type: 'S', name }))).toEqual({
            kind: 'describe',
            target: 'statement',
            name,
          });
          expect(decode(serialize.close({ type: 'P', name }))).toEqual({ kind: 'close', target: 'portal', name });
          expect(decode(serialize.copyFail(query))).toEqual({ kind: 'copyFail', message: query });
        },
      ),
    );
    expect(decode(serialize.sync())).toEqual({ kind: 'sync' });
    expect(decode(serialize.flush())).toEqual({ kind: 'flush' });
    expect(decode(serialize.end())).toEqual({ kind: 'terminate' });
    expect(decode(serialize.copyDone())).toEqual({ kind: 'copyDone' });
    expect(decode(serialize.copyData(Buffer.from([1, 2])))).toEqual({ kind: 'copyData', data: Uint8Array.of(1, 2) });
  });

  it('is read here during startup', () => {
    const startup = decoded(placedBytes(serialize.startup({ user: 'ü', database: 'd' })), decodeStartupPacket);
    expect(startup).toEqual({
      kind: 'startup',
      version: { major: 3, minor: 0 },
      parameters: new Map([
        ['user', 'ü'],
        ['database', 'd'],
        ['client_encoding', 'UTF8'],
      ]),
    });
    expect(decoded(placedBytes(serialize.requestSsl()), decodeStartupPacket)).toEqual({ kind: 'sslRequest' });
    const cancel = decoded(placedBytes(serialize.cancel(5, 0x01020304)), decodeStartupPacket);
    expect(cancel).toEqual({ kind: 'cancelRequest', processId: 5, secretKey: Uint8Array.of(1, 2, 3, 4) });
    expect(decoded(placedBytes(serialize.password('pw')), decodePasswordMessage).password).toBe('pw');
    const initial = serialize.sendSASLInitialResponseMessage('SCRAM-SHA-256', 'n,,');
    expect(decoded(placedBytes(initial), decodeSaslInitialResponse)).toEqual({
      kind: 'saslInitialResponse',
      mechanism: 'SCRAM-SHA-256',
      response: utf8('n,,'),
    });
    const final = decoded(placedBytes(serialize.sendSCRAMClientFinalMessage('c=biws')), decodeSaslResponse);
    expect(sameBytes(final.data, utf8('c=biws'))).toBe(true);
  });
});
