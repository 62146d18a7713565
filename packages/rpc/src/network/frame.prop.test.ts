import { fc, it } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { decodeOpen, encodeFrame, encodeOpen, frameKind, FrameReader, type Frame } from './frame.ts';

const frame = fc.record({
  kind: fc.constantFrom(...Object.values(frameKind)),
  call: fc.nat(0xffff_ffff),
  body: fc.uint8Array({ maxLength: 200 }),
});

describe('frames', () => {
  it.prop([fc.array(frame, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 })])(
    'are the same however the stream of bytes is cut',
    (frames, cuts) => {
      const bytes = frames.flatMap(({ kind, call, body }) => [...encodeFrame(kind, call, body)]);
      const reader = new FrameReader(1000);
      const seen: Frame[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const piece = Uint8Array.from(bytes.slice(at, (at += cuts[i % cuts.length] as number)));
        const result = reader.push(piece);
        expect(result.malformed).toBeUndefined();
        seen.push(...result.frames);
        // The memory of a piece is reused after the call.
        piece.fill(0xdd);
      }
      expect(seen.map((each) => ({ ...each, body: [...each.body] }))).toEqual(
        frames.map((each) => ({ ...each, body: [...each.body] })),
      );
    },
  );

  it.prop([fc.uint8Array({ maxLength: 300 })])('of random bytes are read or refused, never a crash', (bytes) => {
    const { frames, malformed } = new FrameReader(100).push(bytes);
    for (const each of frames) {
      expect(each.body.length).toBeLessThanOrEqual(100);
      decodeOpen(each.body);
    }
    if (bytes.length >= 9 && bytes[0] !== 0) expect(malformed).toBeDefined();
  });

  it.prop([
    fc.record({
      deadlineMs: fc.option(fc.integer({ min: 1, max: 0xffff_ffff }), { nil: undefined }),
      credit: fc.nat(0xffff),
      path: fc.string({ unit: 'grapheme', maxLength: 100 }),
      request: fc.uint8Array({ maxLength: 100 }),
    }),
  ])('an open body survives the way', (open) => {
    const decoded = decodeOpen(encodeOpen(open));
    expect({ ...decoded, request: [...(decoded?.request ?? [])] }).toEqual({ ...open, request: [...open.request] });
  });
});
