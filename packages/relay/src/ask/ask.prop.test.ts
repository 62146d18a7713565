import { PgError } from '@multigres/core';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { BodyReader } from '../body.ts';
import { bodyBytesMax, FrameReader, frameType, FrameWriter } from '../frame.ts';
import { LongBody, writeLong } from './long-body.ts';
import { decodeAnswer, decodeAsk, encodeAnswer, encodeAsk } from './question.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 50 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const bytes = fc.uint8Array({ maxLength: 100 });
const error = fc
  .record({ sqlstate: fc.constantFrom('57014', '0A000'), message: text })
  .map((init) => new PgError({ ...init, fate: 'unknown' }));

describe('questions and answers on their way', () => {
  test.prop([
    fc.record({
      id: u32,
      to: fc.constantFrom('peer' as const, 'others' as const),
      topic: text,
      body: bytes,
      deadlineMs: u32,
    }),
  ])('a question comes out as it went in', (ask) => {
    expect(decodeAsk(new BodyReader(encodeAsk(ask)))).toEqual(ask);
  });

  test.prop([
    fc.record({
      id: u32,
      answer: fc.oneof(
        fc.constant(undefined),
        fc.record({ from: text, body: bytes }),
        fc.record({ from: text, error }),
      ),
    }),
  ])('an answer comes out as it went in, errors with their fate', (answer) => {
    const decoded = decodeAnswer(new BodyReader(encodeAnswer(answer)));
    expect(decoded).toEqual(answer);
    if (answer.answer !== undefined && 'error' in answer.answer) {
      expect((decoded.answer as typeof answer.answer).error.fate).toBe('unknown');
    }
  });

  test.prop([bytes])('random bytes are read or refused with 08P01', (body) => {
    for (const decode of [decodeAsk, decodeAnswer]) {
      try {
        decode(new BodyReader(body));
      } catch (refusal) {
        expect(refusal).toMatchObject({ sqlstate: '08P01' });
      }
    }
  });

  test.prop([
    fc.array(fc.integer({ min: 0, max: 3 * bodyBytesMax }), { maxLength: 3 }),
    fc.integer({ min: 1000, max: 100_000 }),
  ])('bodies of any length come out one by one and whole, whatever the segmentation', (lengths, segment) => {
    const writer = new FrameWriter();
    const bodies = lengths.map((length, at) => new Uint8Array(length).fill(at + 1));
    for (const body of bodies) writeLong(writer, frameType.ask, body);
    const heard: Uint8Array[] = [];
    const long = new LongBody();
    const reader = new FrameReader({
      frame: (_session, _type, flags, _count, buffer, start, end) => {
        const body = long.add(flags, buffer, start, end);
        if (body !== undefined) heard.push(body);
      },
    });
    const sent = writer.take();
    for (let at = 0; at < sent.length; at += segment) reader.feed(sent.slice(at, at + segment));
    expect(heard.map((body) => [body.length, body.at(-1)])).toEqual(bodies.map((body) => [body.length, body.at(-1)]));
  });
});
