import { fc, it } from '@fast-check/vitest';
import { encodeParameterStatus, MessageWriter } from '@multigres/pgwire';
import { encodeOpened, type Opened } from '@multigres/relay';
import { expect, test } from 'vitest';
import { Welcomes } from './welcomes.ts';

function read(welcomes: Welcomes, opened: Opened): ReturnType<Welcomes['read']> {
  const body = encodeOpened(opened);
  // As in a link: somewhere in a buffer that is used again.
  const buffer = new Uint8Array(body.length + 9).fill(7);
  buffer.set(body, 4);
  const welcome = welcomes.read(buffer, 4, 4 + body.length);
  buffer.fill(0);
  return welcome;
}

const opened = fc.nat(40).map((n): Opened => ({ parameters: [['application_name', `app ${n}`]] }));

it.prop([fc.array(opened, { maxLength: 80 })])('a welcome is what the pooler said, however many there are', (all) => {
  const welcomes = new Welcomes();
  for (const one of all) {
    const welcome = read(welcomes, one);
    expect(welcome.parameters).toEqual(one.parameters);
    const writer = new MessageWriter();
    for (const [name, value] of one.parameters) encodeParameterStatus(writer, name, value);
    expect(welcome.messages).toEqual(writer.take());
  }
});

test('a welcome that was heard lately is the same object', () => {
  const welcomes = new Welcomes();
  const say = (name: string): object => read(welcomes, { parameters: [['application_name', name]] });
  const first = say('a');
  for (let n = 0; n < 15; n++) say(String(n));
  expect(say('a')).toBe(first);
  for (let n = 0; n < 16; n++) say(String(n));
  expect(say('a')).not.toBe(first);
});
