import { concat } from '@multigres/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frontendTag, frontendTagTable, tagUnknown } from '../tags.ts';
import { CollectingSink } from '../testing/collecting-sink.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { Deframer, startupPacketBytesMax } from './deframer.ts';

const wholeBytesMax = 64;
const limits = { wholeBytesMax, messageBytesMax: 4096 };

const message = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 150, size: 'max' }))
  .map(([tag, body]) => tagged(tag, body));
const startup = fc.uint8Array({ minLength: 4, maxLength: 200, size: 'max' }).map(untagged);

function tagged(tag: number, body: Uint8Array): Uint8Array {
  const writer = new MessageWriter();
  writer.begin(tag);
  writer.bytes(body);
  writer.end();
  return writer.take();
}

function untagged(body: Uint8Array): Uint8Array {
  const writer = new MessageWriter();
  writer.beginUntagged();
  writer.bytes(body);
  writer.end();
  return writer.take();
}

/** The header of a Query that claims this length. */
function claims(length: number): Uint8Array {
  return Uint8Array.of(0x51, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);
}

function cutPlacesIn(stream: Uint8Array, cuts: readonly number[]): number[] {
  return [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].toSorted((a, b) => a - b);
}

/** Cuts a stream at these places; chunks are overwritten after use, as the network port may do. */
function feedCut(deframer: Deframer, stream: Uint8Array, cuts: readonly number[]): void {
  const places = cutPlacesIn(stream, cuts);
  let from = 0;
  for (const to of [...places, stream.length]) {
    const chunk = stream.slice(from, to);
    expect(deframer.feed(chunk)).toBe(chunk.length);
    chunk.fill(0xff);
    from = to;
  }
}

const cutPlaces = fc.array(fc.nat(), { maxLength: 40, size: 'max' });

describe('the deframer', () => {
  it('gives the same messages whatever the segmentation', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12, size: 'max' }), cutPlaces, (messages, cuts) => {
        const sink = new CollectingSink();
        const deframer = new Deframer(sink, limits);
        feedCut(deframer, concat([new Uint8Array(0), ...messages]), cuts);
        expect(sink.messages.map((each) => each.bytes)).toEqual(messages);
        for (const each of sink.messages) {
          expect(each.tag).toBe(each.bytes[0]);
          expect(each.parts).toBe(each.bytes.length > wholeBytesMax);
        }
        expect(deframer.betweenMessages).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same messages byte by byte', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6, size: 'max' }), (messages) => {
        const sink = new CollectingSink();
        const deframer = new Deframer(sink, limits);
        for (const byte of concat([new Uint8Array(0), ...messages])) deframer.feed(Uint8Array.of(byte));
        expect(sink.messages.map((each) => each.bytes)).toEqual(messages);
      }),
    );
  });

  it('switches from untagged to tagged messages within a chunk', () => {
    fc.assert(
      fc.property(
        startup,
        startup,
        fc.array(message, { maxLength: 5, size: 'max' }),
        cutPlaces,
        (first, second, rest, cuts) => {
          const sink = new CollectingSink();
          const deframer = new Deframer(sink, limits, 'startup');
          sink.onFrame = () => {
            if (sink.messages.length === 2) deframer.endStartup();
          };
          feedCut(deframer, concat([first, second, ...rest]), cuts);
          expect(sink.messages.map((each) => each.bytes)).toEqual([first, second, ...rest]);
          expect(sink.messages.slice(0, 2).map((each) => each.tag)).toEqual([0, 0]);
        },
      ),
    );
  });

  it('stops where the sink says so and goes on with the rest', () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 12, size: 'max' }),
        cutPlaces,
        fc.nat(5),
        (messages, cuts, every) => {
          const sink = new CollectingSink();
          const deframer = new Deframer(sink, limits);
          let calls = 0;
          const stopping = {
            frame(...args: Parameters<CollectingSink['frame']>): void {
              sink.frame(...args);
              if (calls++ % (every + 1) === 0) deframer.stop();
            },
            part(...args: Parameters<CollectingSink['part']>): void {
              sink.part(...args);
              if (calls++ % (every + 1) === 0) deframer.stop();
            },
          };
          deframer.sink = stopping;
          const stream = concat([new Uint8Array(0), ...messages]);
          const places = cutPlacesIn(stream, cuts);
          let from = 0;
          for (const to of [...places, stream.length]) {
            const chunk = stream.slice(from, to);
            let at = 0;
            for (;;) {
              const seen = calls;
              at += deframer.feed(chunk, at);
              expect(calls - seen).toBeLessThanOrEqual(every + 1);
              if (deframer.state === 'flowing') break;
              expect(deframer.feed(chunk, at)).toBe(0);
              deframer.resume();
            }
            expect(at).toBe(chunk.length);
            from = to;
          }
          expect(sink.messages.map((each) => each.bytes)).toEqual(messages);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes memory as bytes arrive, not as lengths claim', () => {
    const deframer = new Deframer(new CollectingSink(), { wholeBytesMax: 1 << 24, messageBytesMax: 1 << 30 });
    deframer.feed(Uint8Array.of(0x51, 0, 0xf0, 0, 0));
    for (let arrived = 5; arrived < 100_000; arrived += 1000) {
      expect(deframer.heldCapacityBytes).toBeLessThanOrEqual(Math.max(256, 2 * arrived));
      deframer.feed(new Uint8Array(1000));
    }
  });

  it('never crashes on random bytes and never holds more than has arrived', () => {
    const tables = [undefined, frontendTagTable()];
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 60, size: 'max' }), { maxLength: 10, size: 'max' }),
        fc.constantFrom(...tables),
        fc.constantFrom('startup' as const, 'tagged' as const),
        (chunks, tags, mode) => {
          const deframer = new Deframer(
            new CollectingSink(),
            { wholeBytesMax: 1 << 20, messageBytesMax: 1 << 30, ...(tags && { tags }) },
            mode,
          );
          let arrived = 0;
          for (const chunk of chunks) {
            const taken = deframer.feed(chunk);
            arrived += taken;
            if (deframer.state === 'flowing') expect(taken).toBe(chunk.length);
            expect(deframer.heldBytes).toBeLessThanOrEqual(arrived);
            expect(deframer.heldCapacityBytes).toBeLessThanOrEqual(Math.max(256, 2 * arrived));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('malformed headers', () => {
  it.each([0, 1, 3, -1, 4096, 0x7fffffff])('refuse the length %i', (length) => {
    const deframer = new Deframer(new CollectingSink(), limits);
    expect(deframer.feed(claims(length))).toBe(0);
    expect(deframer.state).toBe('badLength');
    expect(deframer.error?.message).toBe('invalid message length');
    expect(deframer.feed(claims(4))).toBe(0);
  });

  it.each([4, 5, 4095])('do not refuse the length %i', (length) => {
    const deframer = new Deframer(new CollectingSink(), limits);
    expect(deframer.feed(claims(length))).toBe(5);
    expect(deframer.state).toBe('flowing');
  });

  it('refuse a tag that no client sends', () => {
    const tags = frontendTagTable();
    for (let tag = 0; tag < 256; tag++) {
      const deframer = new Deframer(new CollectingSink(), { ...limits, tags });
      deframer.feed(Uint8Array.of(tag, 0, 0, 0, 4));
      const bad = tags[tag] === tagUnknown;
      expect(deframer.state).toBe(bad ? 'badTag' : 'flowing');
      expect(deframer.error?.message).toBe(bad ? `invalid frontend message type ${tag}` : undefined);
    }
  });

  it('refuse a long message of a kind that is always short', () => {
    const long = { wholeBytesMax: 64, messageBytesMax: 1 << 20, tags: frontendTagTable() };
    for (const [tag, state] of [
      [frontendTag.describe, 'badLength'],
      [frontendTag.query, 'flowing'],
    ] as const) {
      const deframer = new Deframer(new CollectingSink(), long);
      deframer.feed(Uint8Array.of(tag, 0, 0, 0x27, 0x11));
      expect(deframer.state).toBe(state);
    }
  });

  it('refuse startup packets that are too short or too long', () => {
    for (const [length, state] of [
      [7, 'badLength'],
      [8, 'flowing'],
      [startupPacketBytesMax, 'flowing'],
      [startupPacketBytesMax + 1, 'badLength'],
      [0x16030100, 'badLength'],
    ] as const) {
      const deframer = new Deframer(new CollectingSink(), limits, 'startup');
      deframer.feed(claims(length).subarray(1));
      expect(deframer.state).toBe(state);
      expect(deframer.error?.message).toBe(state === 'badLength' ? 'invalid length of startup packet' : undefined);
    }
  });
});
