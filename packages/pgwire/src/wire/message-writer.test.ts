import { utf8Text } from '@multigres/core';
import { describe, expect, it } from 'vitest';
import { MessageWriter } from './message-writer.ts';

const write = (writer: MessageWriter, text: string): Uint8Array => {
  writer.text(text);
  return writer.take();
};

describe('the memory of a message writer', () => {
  it('keeps what was taken as it is, while it goes on behind it', () => {
    const writer = new MessageWriter(256);
    const taken = Array.from({ length: 50 }, (_, i) => write(writer, `piece ${i}`));
    expect(taken.map(utf8Text)).toEqual(taken.map((_, i) => `piece ${i}`));
  });

  it('uses again what was given back, and only that', () => {
    const writer = new MessageWriter(256);
    const kept = write(writer, 'kept');
    const given = write(writer, 'given');
    writer.giveBack();
    const next = write(writer, 'other');
    expect([utf8Text(kept), utf8Text(next)]).toEqual(['kept', 'other']);
    expect(next.byteOffset).toBe(given.byteOffset);
    expect(next.buffer).toBe(given.buffer);
  });

  it('gives back nothing twice: what was taken before stays', () => {
    const writer = new MessageWriter(256);
    const kept = write(writer, 'kept');
    write(writer, 'given');
    writer.giveBack();
    writer.giveBack();
    write(writer, 'other');
    expect(utf8Text(kept)).toBe('kept');
  });

  it('lets go of the memory of something large', () => {
    const writer = new MessageWriter(256);
    const large = write(writer, 'x'.repeat(100_000));
    writer.giveBack();
    expect(write(writer, 'small').buffer).not.toBe(large.buffer);
  });
});
