import { check } from '@multigres/core';
import { describe, expect, it } from 'vitest';
import { backendTag, frontendTag } from '../tags.ts';
import { RepliesOwed, repliesOwedInvariants, replyUnit } from './replies-owed.ts';

const front: Readonly<Record<string, number>> = {
  Q: frontendTag.query,
  F: frontendTag.functionCall,
  P: frontendTag.parse,
  B: frontendTag.bind,
  D: frontendTag.describe,
  E: frontendTag.execute,
  C: frontendTag.close,
  H: frontendTag.flush,
  S: frontendTag.sync,
  d: frontendTag.copyData,
  c: frontendTag.copyDone,
  f: frontendTag.copyFail,
  X: frontendTag.terminate,
};

/**
 * A conversation: `>PBDES` are a client's messages (`Ds` describes a statement), `<12T` are a server's. Answers what became of each, one
 * word per message, and whether the connection is idle at the end. What was skipped stands in brackets.
 */
function talk(text: string): string {
  const out: string[] = [];
  const owed = new RepliesOwed<string>(20, (unit, owner) => out.push(`[${owner}${unit}]`));
  for (const part of text.split(' ')) {
    for (let at = 1; at < part.length; at++) {
      const letter = part.charAt(at);
      if (part.startsWith('>')) {
        const statement = letter === 'D' && part.charAt(at + 1) === 's';
        if (statement) at += 1;
        out.push(owed.sent(front[letter] ?? 0, letter, statement));
      } else {
        out.push(owed.received(letter.charCodeAt(0)));
      }
      check(owed, repliesOwedInvariants);
    }
  }
  return `${out.join(' ')} ${owed.idle ? 'idle' : owed.skipping ? 'skipping' : 'busy'}`;
}

describe('the replies owed', () => {
  it.each([
    ['a new connection is idle', '', ' idle'],
    ['a query', '>Q <TDDCZ', 'owed more more more more ready idle'],
    ['a query without rows', '>Q <CZ', 'owed more ready idle'],
    ['an empty query', '>Q <IZ', 'owed more ready idle'],
    ['a query of two statements', '>Q <TDCCZ', 'owed more more more more ready idle'],
    ['a query that fails', '>Q <TDEZ', 'owed more more more ready idle'],
    ['a query is not over before its ReadyForQuery', '>Q <C', 'owed more busy'],
    ['a query needs an answer before ReadyForQuery', '>Q <Z', 'owed illegal busy'],
    ['rows need a description', '>Q <D', 'owed illegal busy'],
    ['rows need an end', '>Q <TZ', 'owed more illegal busy'],
    ['nothing but ReadyForQuery follows the error of a query', '>Q <EC', 'owed more illegal busy'],
    [
      'asynchronous messages belong to nobody',
      '>Q <NTSDACZNSA',
      'owed async more async more async more ready async async async idle',
    ],
    ['an error without a question ends the connection', '<E', 'async idle'],
    ['an answer without a question is illegal', '<C', 'illegal idle'],
    ['a pipeline', '>PBDES <12TDCZ', 'owed owed owed owed owed done done done more done ready idle'],
    ['a pipeline without Sync is not idle', '>PBE <12C', 'owed owed owed done done done busy'],
    ['Flush owes nothing', '>PHS <1Z', 'owed silent owed done ready idle'],
    ['a described statement has two answers', '>DsS <tnZ', 'owed owed more done ready idle'],
    ['a described statement needs its parameters first', '>DsS <T', 'owed owed illegal busy'],
    ['a described portal has one', '>DS <nZ', 'owed owed done ready idle'],
    ['a row limit', '>EES <DDsDCZ', 'owed owed owed more more done more done ready idle'],
    ['an empty statement', '>ES <IZ', 'owed owed done ready idle'],
    ['a description inside Execute is illegal', '>ES <T', 'owed owed illegal busy'],
    ['Close', '>CS <3Z', 'owed owed done ready idle'],
    ['a function call', '>F <VZ', 'owed more ready idle'],
    ['a function call that fails skips nothing', '>FQ <EZCZ', 'owed owed more ready more ready idle'],
    ['a Sync that fails to commit', '>ES <CEZ', 'owed owed done more ready idle'],
    ['pipelined queries', '>QQ <CZCZ', 'owed owed more ready more ready idle'],
    ['an answer of the wrong kind', '>PS <2', 'owed owed illegal busy'],
  ])('%s', (_name, conversation, expected) => {
    expect(talk(conversation)).toBe(expected);
  });
});

describe('an error in the extended protocol', () => {
  it.each([
    ['skips to the next Sync', '>PBES <1EZ', 'owed owed owed owed done [E7] failed ready idle'],
    [
      'skips what is sent later, until a Sync',
      '>PB <E >EHQdS <Z',
      'owed owed [B4] failed skipped silent skipped skipped owed ready idle',
    ],
    ['waits for a Sync', '>PB <E', 'owed owed [B4] failed skipping'],
    ['skips a query, too', '>BQS <EZ', 'owed owed owed [Q1] failed ready idle'],
    ['ends at its own Sync', '>PS >PS <EZ1Z', 'owed owed owed owed failed ready done ready idle'],
    ['may come after rows', '>EES <DEZ', 'owed owed owed more [E7] failed ready idle'],
    ['may come after the parameters of a description', '>DsES <tEZ', 'owed owed owed more [E7] failed ready idle'],
  ])('%s', (_name, conversation, expected) => {
    expect(talk(conversation)).toBe(expected);
  });
});

describe('COPY', () => {
  it.each([
    ['from the client', '>Q <G >ddc <CZ', 'owed more silent silent silent more ready idle'],
    ['from the client, sent ahead', '>Qddc <GCZ', 'owed silent silent silent more more ready idle'],
    [
      'twice in one query, sent ahead',
      '>Qdcdc <GCGCZ',
      'owed silent silent silent silent more more more more ready idle',
    ],
    ['is not complete before the data are', '>Qd <GC', 'owed silent more illegal busy'],
    ['given up by the client', '>Q <G >df <EZ', 'owed more silent silent more ready idle'],
    ['failing in the middle', '>Q <G >d <E >dc <Z', 'owed more silent more silent silent ready idle'],
    ['data that nobody asked for are overlooked', '>dcQ <CZ', 'silent silent owed more ready idle'],
    ['to the client', '>Q <HddcCZ', 'owed more more more more more ready idle'],
    ['to the client ends with CopyDone', '>Q <HC', 'owed more illegal busy'],
    ['to the client, failing', '>Q <HdEZ', 'owed more more more ready idle'],
    ['in both directions', '>Q <W >d <d >c <cCZ', 'owed more silent more silent more more ready idle'],
    ['of a base backup', '>Q <TDCHdcTDCCZ', 'owed more more more more more more more more more more ready idle'],
    ['extended, to the client', '>ES <HdcCZ', 'owed owed more more more done ready idle'],
    [
      'extended: Syncs before the end of the data are overlooked',
      '>ES <G >dSc <C >S <Z',
      'owed owed [S9] more silent silent silent done owed ready idle',
    ],
    [
      'extended: without another Sync the server is not idle',
      '>ES <G >dc <C',
      'owed owed [S9] more silent silent done busy',
    ],
    [
      'extended, all sent ahead',
      '>PBESdcS <12GCZ',
      'owed owed owed owed silent silent owed done done [S9] more done ready idle',
    ],
    [
      'extended, all sent ahead, and refused',
      '>PBESdcS <1EZZ',
      'owed owed owed owed silent silent owed done [E7] failed ready ready idle',
    ],
    [
      'extended, failing in the middle',
      '>E <G >dd <E >dcS <Z',
      'owed more silent silent failed skipped skipped owed ready idle',
    ],
    ['allows nothing but COPY messages', '>Q <G >QPH', 'owed more illegal illegal silent busy'],
    [
      'allows the next query when the data are complete',
      '>Q <G >dcQ <CZCZ',
      'owed more silent silent owed more ready more ready idle',
    ],
  ])('%s', (_name, conversation, expected) => {
    expect(talk(conversation)).toBe(expected);
  });
});

describe('the queue', () => {
  it('answers at once when it is full, and records nothing', () => {
    const owed = new RepliesOwed<number>(2);
    expect([owed.sent(front['P'] ?? 0, 1), owed.sent(front['B'] ?? 0, 2), owed.sent(front['S'] ?? 0, 3)]).toEqual([
      'owed',
      'owed',
      'full',
    ]);
    expect(owed.length).toBe(2);
  });

  it('keeps owners in order while it grows and turns', () => {
    const owed = new RepliesOwed<number>(1000);
    let next = 0;
    let expected = 0;
    for (let round = 1; round < 60; round++) {
      for (let i = 0; i < round; i++) owed.sent(frontendTag.sync, next++);
      for (let i = 0; i < round - 1; i++) {
        expect(owed.headOwner).toBe(expected++);
        expect(owed.headUnit).toBe(replyUnit.sync);
        expect(owed.received(backendTag.readyForQuery)).toBe('ready');
      }
    }
    expect(owed.length).toBe(next - expected);
  });

  it('still knows whose a COPY is after it has overlooked a Sync', () => {
    const overlooked: number[] = [];
    const owed = new RepliesOwed<number>(10, (_unit, owner) => overlooked.push(owner));
    owed.sent(frontendTag.execute, 1);
    owed.sent(frontendTag.sync, 2);
    owed.sent(frontendTag.copyDone, 3);
    owed.sent(frontendTag.sync, 4);
    expect(owed.received(backendTag.copyInResponse)).toBe('more');
    expect([owed.headOwner, overlooked]).toEqual([1, [2]]);
    expect(owed.received(backendTag.commandComplete)).toBe('done');
    expect([owed.headOwner, owed.received(backendTag.readyForQuery)]).toEqual([4, 'ready']);
    expect(owed.headOwner).toBeUndefined();
  });

  it('takes nothing after Terminate and no unknown message', () => {
    expect(talk('>X')).toBe('silent busy');
    expect(talk('>XQ')).toBe('silent illegal busy');
    expect(talk('>z')).toBe('illegal idle');
  });
});
