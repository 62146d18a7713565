import { decodeFrontendMessage, int32At } from '@multigres/pgwire';
import { useKind, writeStatementName } from '@multigres/relay';
import { PinReason } from '@multigres/sql';
import { describe, expect, it } from 'vitest';
import { b, e, p, q, RecordingSink, s, TestContext } from '../testing/recording-sink.ts';
import type { StatementUse } from './request-builder.ts';

/** Puts the pieces of requests together, with the statements' names where the placeholders are. */
class JoiningSink extends RecordingSink {
  readonly #pieces: Uint8Array[] = [];
  readonly ends: boolean[] = [];
  readonly pins: number[] = [];
  readonly referred: string[] = [];

  override request(
    _flags: number,
    endsGroup: boolean,
    uses: readonly StatementUse[],
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const piece = bytes.slice(start, end);
    for (const use of uses) {
      if (use.kind !== useKind.refers) continue;
      this.referred.push(use.statement?.query ?? '');
      writeStatementName(piece, use.offset, use.id);
    }
    this.#pieces.push(piece);
    this.ends.push(endsGroup);
  }
  override pin(reasons: number): void {
    this.pins.push(reasons);
  }

  /** What was sent since the last time, message by message. */
  messages(): NonNullable<ReturnType<typeof decodeFrontendMessage>>[] {
    const all = Uint8Array.from(this.#pieces.splice(0).flatMap((piece) => [...piece]));
    const found = [];
    for (let at = 0; at < all.length;) {
      const end = at + 1 + int32At(all, at + 1);
      const message = decodeFrontendMessage(all, at, end);
      if (message === undefined) throw new Error(`no message at ${at} of ${all.length}`);
      found.push(message);
      at = end;
    }
    return found;
  }
}

const value = 'x'.repeat(200_000);
const sizes = [1, 7, 1000, 65_536, 1_000_000] as const;

describe('messages that come in parts', () => {
  it.each(sizes)(
    'a Bind of a carried statement keeps its parameters and loses its name, %i bytes at a time',
    (size) => {
      const parameter = value.slice(0, size === 1 ? 500 : undefined);
      const sink = new JoiningSink(new TestContext());
      sink.send(p('some name', 'select $1'), s);
      sink.machine.answered('I', false, 1);
      sink.messages();
      sink.sendInParts(b('some name', 'c', parameter), size).send(e, s);
      const [bind, execute, sync] = sink.messages();
      expect([execute?.kind, sync?.kind]).toEqual(['execute', 'sync']);
      if (bind?.kind !== 'bind') throw new Error(`${bind?.kind} instead of a Bind`);
      expect([bind.portal, bind.parameters[0]?.length]).toEqual(['c', parameter.length]);
      expect(sink.referred).toEqual(['select $1']);
      expect(sink.pins).toEqual([]);
    },
  );

  it.each(sizes)('a Query is sent as it is and pins, %i bytes at a time', (size) => {
    const text = `select '${value.slice(0, size === 1 ? 500 : undefined)}'`;
    const sink = new JoiningSink(new TestContext());
    sink.sendInParts(q(text), size);
    expect(sink.messages()).toEqual([{ kind: 'query', text }]);
    expect(sink.ends.filter((ends) => ends)).toHaveLength(1);
    expect(sink.pins).toEqual([PinReason.unclassified]);
    expect(sink.machine.groupsUnanswered).toBe(1);
  });

  it('a named statement whose text was not seen is the backend’s own', () => {
    const text = `select $1, '${value}'`;
    const sink = new JoiningSink(new TestContext());
    sink.sendInParts(p('a', text), 1000).send(b('a', '', 'v'), e, s);
    expect(sink.messages().map(({ kind }) => kind)).toEqual(['parse', 'bind', 'execute', 'sync']);
    expect(sink.referred).toEqual([]);
    expect(sink.pins).toEqual([PinReason.unclassified]);
    // The next Parse of the name is for the backend to refuse.
    sink.send(p('a', 'select 1'), s);
    expect(sink.messages()[0]).toMatchObject({ kind: 'parse', statement: 'a' });
  });

  it('SQL in a text that was not seen may name statements: they are on the backend before', () => {
    const sink = new JoiningSink(new TestContext());
    sink.send(p('a', 'select 1'), s);
    sink.messages();
    sink.sendInParts(q(`select '${value}'; execute a`), 1000);
    expect(sink.messages().map(({ kind }) => kind)).toEqual(['close', 'parse', 'sync', 'query']);
  });

  it('a Bind that is refused waits for what was sent before it, and its rest is dropped', () => {
    const sink = new JoiningSink(new TestContext());
    sink.send(p('a', "select currval('s'), $1"), s);
    sink.machine.answered('I', false, 1);
    sink.send(q('delete from t'));
    sink.messages();
    const bind = b('a', '', value);
    const part = (start: number, end: number, place: 'first' | 'middle' | 'last'): void =>
      sink.machine.part(0x42, bind, start, end, place, bind.length - 5);
    part(0, 5, 'first');
    part(5, 1000, 'middle');
    expect(sink.held).toBeDefined();
    sink.machine.answered('I', false, 0);
    const held = sink.held as Uint8Array;
    sink.held = undefined;
    sink.machine.released(held);
    part(1000, bind.length, 'last');
    sink.send(e, s);
    expect(sink.errors.map(({ sqlstate }) => sqlstate)).toEqual(['0A000']);
    expect(sink.messages()).toEqual([]);
  });

  it('a Bind that had to wait and may run goes on where it stopped', () => {
    const sink = new JoiningSink(new TestContext());
    sink.send(p('a', "select currval('s'), $1"), s);
    sink.machine.answered('I', false, 1);
    sink.send(q('begin'));
    sink.send(q('delete from t'));
    sink.messages();
    const bind = b('a', '', value);
    const part = (start: number, end: number, place: 'first' | 'middle' | 'last'): void =>
      sink.machine.part(0x42, bind, start, end, place, bind.length - 5);
    part(0, 5, 'first');
    part(5, 1000, 'middle');
    sink.machine.answered('T', false, 0);
    sink.machine.answered('T', false, 0);
    const held = sink.held as Uint8Array;
    sink.held = undefined;
    sink.machine.released(held);
    part(1000, bind.length, 'last');
    sink.send(e, s);
    const [message] = sink.messages();
    expect(message?.kind === 'bind' && message.parameters[0]?.length).toBe(value.length);
  });

  it('names that never end are refused', () => {
    const sink = new JoiningSink(new TestContext());
    sink.sendInParts(b('n'.repeat(100_000)), 1000);
    expect(sink.errors[0]?.sqlstate).toBe('08P01');
  });
});
