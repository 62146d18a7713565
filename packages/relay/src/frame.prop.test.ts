import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { bodyBytesMax, FrameReader, frameType, FrameWriter, headerBytes, statusOfFlags } from './frame.ts';

interface Seen {
  readonly session: number;
  readonly type: number;
  readonly flags: number;
  readonly count: number;
  readonly body: readonly number[];
}

const frame = fc.record({
  session: fc.integer({ min: 0, max: 0xffff_ffff }),
  type: fc.constantFrom(...Object.values(frameType)),
  flags: fc.integer({ min: 0, max: 255 }),
  count: fc.integer({ min: 0, max: 0xffff }),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ minLength: 40_000, maxLength: bodyBytesMax, size: 'max' }),
  ),
});

function collector(seen: Seen[]): FrameReader {
  return new FrameReader({
    frame: (session, type, flags, count, buffer, start, end) =>
      seen.push({ session, type, flags, count, body: [...buffer.subarray(start, end)] }),
  });
}

/** Cuts at these places, wherever they fall. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...at].map((from, i) => bytes.slice(from, at[i] ?? bytes.length));
}

describe('frames', () => {
  test.prop([fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 })], { numRuns: 60 })(
    'come out as they went in, however the stream is cut',
    (frames, places) => {
      const writer = new FrameWriter();
      for (const { session, type, flags, count, body } of frames) writer.frame(session, type, flags, count, body);
      const seen: Seen[] = [];
      const reader = collector(seen);
      // A receive buffer is used again: what is kept as a view would show.
      for (const piece of cut(writer.take(), places)) {
        expect(reader.feed(piece)).toBe(true);
        piece.fill(0xdd);
      }
      expect(seen).toEqual(frames.map((sent) => ({ ...sent, body: [...sent.body] })));
    },
  );

  test.prop([fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 5 })])(
    'of random bytes never throw and never ask for the memory that a length claims',
    (bytes, places) => {
      const reader = collector([]);
      for (const piece of cut(bytes, places)) if (!reader.feed(piece)) return;
    },
  );

  it('longer than may be are refused, at whatever place the header is cut', () => {
    const header = new Uint8Array(headerBytes);
    header.set([0, 1, 0, 1], 8);
    for (let at = 0; at <= headerBytes; at++) {
      const reader = collector([]);
      expect([header.slice(0, at), header.slice(at)].every((piece) => reader.feed(piece))).toBe(false);
    }
  });

  it('taken from the writer are not touched by what is written later', () => {
    const writer = new FrameWriter();
    writer.frame(1, frameType.reply, 0, 0, Uint8Array.of(1, 2, 3));
    const first = writer.take();
    const copy = first.slice();
    for (let i = 0; i < 3000; i++) writer.frame(2, frameType.reply, 0, 0, new Uint8Array(100).fill(i));
    expect(first).toEqual(copy);
    expect(writer.length).toBe(3000 * (headerBytes + 100));
  });

  it('tell the status of a transaction', () => {
    expect([statusOfFlags(1), statusOfFlags(1 | 4), statusOfFlags(1 | 8)]).toEqual(['I', 'T', 'E']);
  });
});
