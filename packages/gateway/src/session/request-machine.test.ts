import { PinReason } from '@multigres/sql';
import { describe, expect, it } from 'vitest';
import {
  b,
  c,
  copyData,
  copyDone,
  d,
  e,
  h,
  p,
  q,
  RecordingSink,
  s,
  TestContext,
  x,
} from '../testing/recording-sink.ts';
import { pieceBytesMax } from './request-builder.ts';

function machine(context: TestContext = new TestContext()): RecordingSink {
  return new RecordingSink(context);
}

describe('what sessions leave unfinished in the builder that they share', () => {
  it('stays theirs, also when it refers to nothing', () => {
    const context = new TestContext();
    const [one, other] = [new RecordingSink(context), new RecordingSink(context)];
    one.send(e);
    other.send(p('', 'select 1'), b(''), e, s);
    one.send(s);
    expect(other.said()).toBe('share[P  B  E S]');
    expect(one.said()).toBe('share[E S]');
  });
});

const long = `select '${'x'.repeat(20_000)}'`;

interface Case {
  readonly what: string;
  readonly sent: readonly Uint8Array[];
  readonly said: string;
}

const cases: readonly Case[] = [
  { what: 'a query that only reads is shared', sent: [q('select 1')], said: 'share/simple[Q select 1]' },
  {
    what: 'one that writes gets a backend of its own',
    sent: [q('delete from t')],
    said: 'send/simple[Q delete from t]',
  },
  {
    what: 'one that leaves something behind pins first',
    sent: [q('listen c')],
    said: 'pin:listen send/simple[Q listen c]',
  },
  {
    what: 'a named statement is carried from the first sight on',
    sent: [p('a', 'select 1'), b('a'), e, s],
    said: 'share[P*select 1 B*select 1 E S]',
  },
  {
    what: 'an unnamed one is carried from the second sight on',
    sent: [p('', 'select 1'), b(''), e, s, p('', 'select 1'), b(''), e, s],
    said: 'share[P  B  E S] send[P*select 1 B*select 1 E S]',
  },
  {
    what: 'what runs behind a Parse that may be refused waits until it is known what its name stands for',
    sent: [p('', 'select 1'), d(''), s, b('')],
    said: 'share[P  D  S] hold',
  },
  {
    what: 'a Parse of BEGIN needs no backend, and is carried like any other',
    sent: [p('a', ' Begin ;'), s, b('a'), e, s],
    said: '1 Z send[B* Begin ; E S]',
  },
  {
    what: 'but with something behind it, which may depend on anything',
    sent: [p('a', 'commit'), d('a'), s],
    said: 'share[P*commit D*commit S]',
  },
  {
    what: 'a named portal keeps others away',
    sent: [p('a', 'select 1'), b('a', 'c'), s],
    said: 'send[P*select 1 B*select 1 S]',
  },
  {
    what: 'Flush sends what there is',
    sent: [p('a', 'select 1'), h, b('a'), s],
    said: 'piece[P*select 1 H] send[B*select 1 S]',
  },
  {
    what: 'a closed statement is gone for the client only',
    sent: [p('a', 'select 1'), c('a'), b('a'), s],
    said: 'send[P*select 1 C mg00000000 (C a) B a S]',
  },
  {
    what: 'a name that is taken is refused by the backend itself, which has to have it for that',
    sent: [p('a', 'select 1'), p('a', 'select 2'), s],
    said: 'pin:preparedStatement send[P*select 1 (C a) (P a) P a S]',
  },
  {
    what: 'a name that was never given is unknown on every backend',
    sent: [b('nobody'), s],
    said: 'send[(C nobody) B nobody S]',
  },
  {
    what: 'a name like our own reaches no statement of others',
    sent: [b('mg00000001'), s],
    said: 'send[(C mg00000000) B mg00000000 S]',
  },
  {
    what: 'a statement of that name is the client’s own',
    sent: [p('mg00000001', 'select 1'), b('mg00000001'), s],
    said: 'share[P*select 1 B*select 1 S]',
  },
  {
    what: 'a Query behind unfinished messages is marked, because an error among those would skip it',
    sent: [p('a', 'select 1'), q('select 2')],
    said: 'send/simple[P*select 1 (mark) Q select 2]',
  },
  {
    what: 'COPY data for nothing is dropped',
    sent: [copyData(3), copyDone, q('select 1')],
    said: 'share/simple[Q select 1]',
  },
  {
    what: 'COPY data goes on at once, and its end is marked',
    sent: [q('copy t from stdin'), copyData(3), copyDone],
    said: 'send/simple[Q copy t from stdin] piece/copy[d] piece/copy/copyEnd[c]',
  },
  {
    what: 'who has moved no sequence hears so from a backend that has forgotten what others did',
    sent: [q("select currval('s')")],
    said: "pin:sequence send/simple/unseen[Q DISCARD SEQUENCES] send/simple[Q select currval('s')]",
  },
  {
    what: 'so it does in the extended protocol',
    sent: [p('', "select currval('s')"), b(''), e, s],
    said: 'pin:sequence send/simple/unseen[Q DISCARD SEQUENCES] send[P  B  E S]',
  },
  {
    what: 'it waits for what is under way',
    sent: [q('delete from t'), q("select currval('s')")],
    said: 'send/simple[Q delete from t] hold',
  },
  {
    what: 'nextval() keeps the backend, because currval() may follow',
    sent: [q("select nextval('s')"), q("select currval('s')")],
    said: "pin:sequence send/simple/unseen[Q DISCARD SEQUENCES] send/simple[Q select nextval('s')] send/simple[Q select currval('s')]",
  },
  {
    what: 'in the middle of a group Postgres is made to refuse it',
    sent: [p('a', "select currval('s')"), h, b('a'), e, s, q('select 1')],
    said: "piece[P*select currval('s') H] send[B currval() and lastval() in the middle of a group, or behind a COPY E S] send/simple[Q select 1]",
  },
  {
    what: 'and behind a COPY, which waits for nobody but the client',
    sent: [q('copy t from stdin'), q("select currval('s')")],
    said: 'send/simple[Q copy t from stdin] send/simple[Q "currval() and lastval() in the middle of a group, or behind a COPY"]',
  },
  {
    what: 'SQL’s EXECUTE finds what was prepared by protocol',
    sent: [p('a', 'select 1'), s, q('execute a')],
    said: 'share[P*select 1 S] pin:unknownFunction pin:preparedStatement send/unseen[(C a) (P a) S] send/simple[Q execute a]',
  },
  {
    what: 'SQL’s PREPARE finds the name taken',
    sent: [p('a', 'select 1'), s, q('prepare a as select 2')],
    said: 'share[P*select 1 S] pin:preparedStatement send/unseen[(C a) (P a) S] send/simple[Q prepare a as select 2]',
  },
  {
    what: 'SQL’s DEALLOCATE makes the name free',
    sent: [p('a', 'select 1'), s, q('deallocate a'), p('a', 'select 2'), s],
    said: 'share[P*select 1 S] pin:preparedStatement send/unseen[(C a) (P a) S] send/simple[Q deallocate a] send[P*select 2 S]',
  },
  {
    what: 'several statements that know no names bother nobody',
    sent: [p('a', 'select 1'), s, q('select 1; select 2')],
    said: 'share[P*select 1 S] send/simple[Q select 1; select 2]',
  },
  {
    what: 'DISCARD ALL frees all names and puts the backend’s statements in doubt',
    sent: [p('a', 'select 1'), s, q('discard all'), p('a', 'select 2'), s],
    said: 'share[P*select 1 S] send/drops/simple/settles[Q discard all] send[P*select 2 S]',
  },
  {
    what: 'a Query without its zero byte breaks the protocol',
    sent: [Uint8Array.of(0x51, 0, 0, 0, 5, 65)],
    said: 'violation:08P01',
  },
  { what: 'so does a Bind that is cut off', sent: [Uint8Array.of(0x42, 0, 0, 0, 5, 0)], said: 'violation:08P01' },
];

describe('what goes out for what comes in', () => {
  it.each(cases)('$what', ({ sent, said }) => {
    expect(
      machine()
        .send(...sent)
        .said(),
    ).toBe(said);
  });

  it.each(cases)('the same when each message comes alone, with another session in between: $what', ({ sent, said }) => {
    const context = new TestContext();
    const one = machine(context);
    const other = machine(context);
    for (const message of sent) {
      one.send(message);
      other.send(p('z', 'select 99'), c('z'));
    }
    expect(context.builder.isEmpty).toBe(true);
    expect(one.said()).toBe(said);
  });
});

describe('names', () => {
  it('are undone from the first message on that an error skipped', () => {
    const one = machine().send(p('a', 'select 1'), c('a'), p('a', 'select 2'), p('b', 'select 3'), s);
    one.said();
    one.machine.answered('I', true, 2);
    one.said();
    expect(one.send(b('a'), s).said()).toBe('send[(C a) B a S]');
    one.machine.answered('I', true, 0);
    expect(one.send(p('a', 'select 4'), s).said()).toBe('share[P*select 4 S]');
  });

  it('stay what a group behind the failed one has made of them', () => {
    const one = machine().send(p('', 'select 1'), s, p('', 'select 2'), s, p('', 'select 3'), s, p('', 'select 3'));
    one.machine.answered('I', false, 1);
    one.machine.answered('I', true, 0);
    one.machine.answered('I', false, 1);
    one.said();
    // Its Parse is under way in the same group.
    expect(one.send(b(''), s).said()).toBe('share[P*select 3 B*select 3 S]');
  });

  it('are given again only when it is known whether the Parse before was refused', () => {
    const one = machine().send(p('a', 'selec 1'), s);
    expect(one.send(p('a', 'select 2')).said()).toContain('hold');
    one.machine.answered('I', true, 0);
    expect(one.send(p('a', 'select 2'), b('a'), s).said()).toBe('share[P*select 2 B*select 2 S]');
  });

  it('come back to what they were before all groups that failed', () => {
    const one = machine().send(p('', 'select 1'), s, p('', 'select 2'), s, p('', 'select 3'), s);
    one.machine.answered('I', false, 1);
    one.machine.answered('I', true, 0);
    one.machine.answered('I', true, 0);
    one.said();
    expect(one.send(b(''), s).said()).toContain('select 1');
  });

  it('come back when the statement that dropped them failed', () => {
    const one = machine().send(p('a', 'select 1'), s, q('discard all'));
    one.said();
    one.machine.answered('I', false, 1);
    one.machine.answered('I', true, 0);
    one.said();
    expect(one.send(b('a'), s).said()).toBe('share[B*select 1 S]');
  });

  it('stay in a failed transaction, which runs no DEALLOCATE', () => {
    const one = machine().send(q('begin'), p('a', 'select 1'), s);
    one.machine.answered('T', false, 0);
    one.machine.answered('E', false, 1);
    one.said();
    one.send(q('deallocate a'));
    one.machine.answered('E', true, 0);
    expect(one.send(q('rollback'), b('a'), s).said()).toContain('B*select 1');
  });

  describe('that EXECUTE had to be told to the backend', () => {
    function told(): RecordingSink {
      const one = machine().send(p('a', 'select 1'), s, q('execute a'));
      one.machine.answered('I', false, 1);
      one.said();
      return one;
    }

    it('are the backend’s once the EXECUTE has succeeded', () => {
      const one = told();
      one.machine.answered('I', false, 0);
      expect(one.send(b('a'), s, q('execute a')).said()).toBe('send[B a S] send/simple[Q execute a]');
    });

    it('are carried until then, and told again', () => {
      const again = 'send[B*select 1 S] send/unseen[(C a) (P a) S] send/simple[Q execute a]';
      expect(told().send(b('a'), s, q('execute a')).said()).toBe(again);
    });

    it('are carried and told again when it was refused before it ran', () => {
      const one = told();
      one.machine.answered('I', true, 0);
      const again = 'send[B*select 1 S] send/unseen[(C a) (P a) S] send/simple[Q execute a]';
      expect(one.send(b('a'), s, q('execute a')).said()).toBe(again);
    });

    it('are not confirmed by an EXECUTE before the last that told them', () => {
      const one = told().send(q('execute a'));
      one.machine.answered('I', false, 0);
      one.machine.answered('I', true, 0);
      one.said();
      expect(one.send(b('a'), s).said()).toBe('send[B*select 1 S]');
    });

    it('are closed there even if nobody knows whether they are there', () => {
      const one = told();
      one.machine.answered('I', true, 0);
      expect(one.send(c('a'), s).said()).toBe('send[C a S]');
      one.machine.answered('I', true, 0);
      one.said();
      expect(one.send(c('a'), s).said()).toBe('send[C a S]');
    });

    it('stay the backend’s when the Close was not done', () => {
      const one = told();
      one.machine.answered('I', false, 0);
      one.send(c('a'), s);
      one.machine.answered('I', true, 0);
      one.said();
      expect(one.send(b('a'), s).said()).toBe('send[B a S]');
    });
  });

  it('go with the group when its end was ignored', () => {
    const one = machine().send(p('a', 'copy t from stdin'), b('a'), e, s, p('b', 'select 1'), s);
    one.machine.syncIgnored();
    expect(one.machine.groupsUnanswered).toBe(1);
    one.machine.answered('I', true, 1);
    one.said();
    expect(one.send(p('b', 'select 1'), s).said()).toBe('share[P*select 1 S]');
  });

  it('hold their statements until the session is over', () => {
    const context = new TestContext(1);
    const one = machine(context).send(p('a', 'select 1'), s);
    machine(context).send(p('', 'select 2'), s);
    expect(context.forgotten).toEqual([]);
    one.machine.close();
    machine(context).send(p('', 'select 3'), p('', 'select 4'), s);
    expect(context.forgotten).toContain('select 1');
  });
});

describe('long messages', () => {
  it('are cut into pieces that belong to one group', () => {
    const one = machine();
    const parameter = 'x'.repeat(3 * pieceBytesMax);
    one.send(p('a', 'insert into t values ($1)'), b('a', '', parameter), e, s);
    const said = one.said().split(' ');
    expect(said.filter((part) => part.startsWith('piece'))).toHaveLength(5);
    expect(said.at(-1)).toBe('S]');
    expect(one.machine.groupsUnanswered).toBe(1);
    one.send(q(`select '${'x'.repeat(2 * pieceBytesMax)}'`));
    expect(one.said()).toMatch(/^piece\[.* piece\[.* send\/simple\[/s);
    one.send(copyData(2 * pieceBytesMax));
    expect(one.said().match(/piece\/copy/g)).toHaveLength(3);
  });

  it('with a portal’s name so long that the statement’s would stand in another piece are refused', () => {
    const one = machine().send(p('a', 'select 1'), b('a', 'c'.repeat(pieceBytesMax + 100)), s);
    expect(one.errors.map(({ sqlstate }) => sqlstate)).toEqual(['08P01']);
  });

  it('of many parts do not wait for Sync', () => {
    const one = machine();
    one.send(p('a', 'insert into t values ($1)'), ...Array.from({ length: 30 }, () => b('a', '', 'x'.repeat(1000))));
    expect(one.said()).toMatch(/^piece/);
  });
});

describe('moving to another pooler', () => {
  it('is possible with half a group in hand, but not with anything on the other side', () => {
    const one = machine();
    expect(one.machine.isMovable).toBe(true);
    one.send(p('a', 'select 1'));
    expect(one.machine.isMovable).toBe(true);
    one.send(h);
    expect(one.machine.isMovable).toBe(false);
    one.send(s);
    expect(one.machine.isMovable).toBe(false);
    one.machine.answered('I', false, 1);
    expect(one.machine.isMovable).toBe(true);
    one.send(q('listen c'));
    one.machine.answered('I', false, 0);
    expect(one.machine.isMovable).toBe(false);
  });

  it('takes the statements of the half group along, whatever was forgotten meanwhile', () => {
    const context = new TestContext(1);
    const one = machine(context);
    one.send(p('a', 'select 1'), c('a'));
    machine(context).send(p('', 'select 2'), p('', 'select 3'), s);
    expect(context.forgotten).toContain('select 1');
    // The use brings its statement, so that the pooler can be told of it now.
    expect(one.send(s).said()).toBe('share[P*select 1 C mg00000000 S]');
  });
});

describe('a group that failed before anything of it was executed', () => {
  it('keeps no backend', () => {
    const one = machine().send(q('selec 1'));
    expect(one.said()).toBe('pin:unknown send/simple[Q selec 1]');
    one.machine.answered('I', true, 0, true);
    expect(one.said()).toBe('unpin:unknown');
    expect(one.send(q('select 1')).said()).toBe('share/simple[Q select 1]');
  });

  it('keeps one for what was there before, and for what comes behind', () => {
    const one = machine().send(q('do 1'));
    one.machine.answered('I', false, 0);
    one.send(q('selec 1; listen c'), q('listen c')).said();
    one.machine.answered('I', true, 0, true);
    expect(one.said()).toBe('');
    expect(one.machine.pins).toBe(PinReason.unknown | PinReason.listen);
  });

  it('keeps none for long in a transaction that it broke', () => {
    const one = machine().send(q('begin'));
    one.machine.answered('T', false, 0);
    one.send(q('selec 1')).said();
    one.machine.answered('E', true, 0, true);
    expect(one.said()).toBe('unpin:unknown');
  });

  it('may still have had its statement prepared', () => {
    const one = machine().send(p('a', 'select 1'), s, q('execute a(b)'));
    one.machine.answered('I', false, 1);
    one.machine.answered('I', true, 0, true);
    one.said();
    expect(one.machine.pins).toBe(PinReason.preparedStatement);
  });

  it('is not one that failed while it was executed', () => {
    const one = machine().send(q('select f()'));
    one.machine.answered('I', true, 0, false);
    expect(one.machine.pins).toBe(PinReason.unknownFunction);
  });
});

it('settings are told when the group that made them is answered, and rolled back with their transaction', () => {
  const one = machine();
  one.send(q('set work_mem to 1'));
  one.machine.answered('I', false, 0);
  expect(one.said()).toBe('send/simple/settles[Q set work_mem to 1] settled{SET "work_mem" TO 1}');
  one.send(q('begin'), q('set work_mem to 2'), q('rollback'));
  one.machine.answered('T', false, 0);
  one.machine.answered('T', false, 0);
  one.machine.answered('I', false, 0);
  expect(one.machine.settings?.text).toBe('SET "work_mem" TO 1');
});

it('the sessions of a user who asks for currval() keep the backend that they write through, less what others did there', () => {
  const context = new TestContext();
  const first = machine(context);
  first.send(q('insert into t default values')).said();
  first.machine.answered('I', false, 0);
  expect(first.send(q("select currval('s')")).said()).toBe('!0A000 Z');
  const one = machine(context);
  expect(one.send(q('insert into t default values'), q('select lastval()')).said()).toBe(
    'pin:sequence send/simple/unseen[Q DISCARD SEQUENCES] send/simple[Q insert into t default values] send/simple[Q select lastval()]',
  );
  one.machine.answered('I', false, 0);
  one.machine.answered('I', false, 0);
  one.send(q('discard sequences')).said();
  one.machine.answered('I', false, 0);
  expect(one.said()).toBe('unpin:sequence');
  const other = machine(context);
  expect(other.send(p('', 'insert into t default values'), b(''), e, s).said()).toMatch(
    /^pin:sequence send\/simple\/unseen\[Q DISCARD SEQUENCES\] send\[/,
  );
});

describe('a backend that is kept for currval() and that others wait for', () => {
  /** Has moved a sequence, and its user is known to ask. */
  function keeper(): ReturnType<typeof machine> {
    const context = new TestContext();
    machine(context).send(q('select lastval()'));
    const one = machine(context);
    one.send(q('insert into t default values'));
    one.machine.answered('I', false, 0);
    one.said();
    return one;
  }

  it('is given back at once by who does nothing with it', () => {
    const one = keeper();
    one.machine.claimed(true);
    expect(one.said()).toBe('unpin:sequence');
    expect(one.send(q('select lastval()')).said()).toBe('!0A000 Z');
  });

  it('answers the question that comes next, and is given back before the transaction behind that', () => {
    const one = keeper();
    one.machine.claimed(false);
    expect(one.send(q('select lastval()')).said()).toBe('send/simple[Q select lastval()]');
    one.machine.answered('I', false, 0);
    expect(one.send(q('select 1')).said()).toBe('unpin:sequence share/simple[Q select 1]');
  });

  it('is kept to the end of the transaction', () => {
    const one = keeper();
    one.send(q('begin')).said();
    one.machine.claimed(true);
    one.machine.answered('T', false, 0);
    one.send(q('delete from t'), q('select lastval()'));
    expect(one.said()).toBe('send/simple[Q delete from t] send/simple[Q select lastval()]');
  });

  it('is kept if there is another reason', () => {
    const one = keeper();
    one.send(q('listen a')).said();
    one.machine.answered('I', false, 0);
    one.machine.claimed(true);
    expect(one.said()).toBe('');
  });
});

it('who is refused in the extended protocol is skipped up to Sync, a Query included, and may still leave', () => {
  for (const [rest, said] of [
    [[e, q('select 1'), s, q('select 2')], '!0A000 Z share/simple[Q select 2]'],
    [[x], '!0A000 terminate'],
  ] as const) {
    const one = machine();
    one.send(q('insert into t default values')).said();
    one.machine.answered('I', false, 0);
    expect(one.send(p('', "select currval('s')"), b(''), ...rest).said()).toBe(said);
  }
});

it('an unnamed statement lives on to the next group, carried or parsed again for each that uses it', () => {
  for (const [text, said] of [
    ['select 1', 'send[B*select 1 E S]'],
    [long, 'piece[(P )] send[B  E B  S]'],
  ] as const) {
    const one = machine();
    one.send(p('', text), d(''), s).said();
    one.machine.answered('I', false, 1);
    const again = text === long ? [b(''), e, b(''), s] : [b(''), e, s];
    expect(
      one
        .send(...again)
        .said()
        .replace('share', 'send'),
    ).toBe(said);
  }
});

it('what runs behind a Parse waits for it only if its text was never known to be good', () => {
  const context = new TestContext();
  const one = machine(context);
  one.send(p('a', 'select 1'), s).said();
  one.machine.answered('I', false, 1);
  const statement = context.catalog.get('select 1', [], () => {
    throw new Error('it is known');
  });
  statement.result = new Uint8Array(0);
  one.send(c('a'), p('a', 'select 1'), s).said();
  expect(one.send(b('a'), e, s).said()).toBe('send[B*select 1 E S]');
});

it('inside a transaction that has written, currval() is answered by the same backend', () => {
  const one = machine();
  one.send(q('begin'), q('insert into t default values'));
  one.machine.answered('T', false, 0);
  one.machine.answered('T', false, 0);
  one.said();
  expect(one.send(q("select currval('s')")).said()).toBe("send/simple[Q select currval('s')]");
});

it('several statements in one text are one transaction to currval(), too', () => {
  const one = machine();
  one.send(q('insert into t default values')).said();
  one.machine.answered('I', false, 0);
  const text = 'insert into t default values; select lastval()';
  expect(one.send(q(text)).said()).toContain(`[Q ${text}]`);
});

it('a text in another encoding goes as it came, and keeps the backend that has it', () => {
  const parse = p('a', "select 'x'");
  parse[parse.indexOf('x'.charCodeAt(0))] = 0xe9;
  const one = machine();
  one.send(parse, b('a'), e, s);
  expect(one.said()).toBe('pin:unclassified send[P a B a E S]');
  one.machine.answered('I', false, 1);
  expect(one.send(b('a'), e, s).said()).toBe('send[B a E S]');
});

it('a user who never asks for currval() is not waited for any longer', () => {
  const context = new TestContext();
  const one = machine(context);
  one.send(q("select nextval('s')")).said();
  for (let i = 0; i < 1000; i++) {
    one.machine.answered('I', false, 0);
    one.send(q('delete from t'));
  }
  expect(one.said()).toContain('unpin:sequence');
  expect(machine(context).send(q("select nextval('s')")).said()).toBe("send/simple[Q select nextval('s')]");
});

it('names are taken back up to the last reply, whatever SQL dropped in between', () => {
  const one = machine();
  one.send(p('a', 'select 1'), p('b', 'select 2'), s);
  one.machine.answered('I', false, 2);
  one.send(p('c', 'select 3'), p('', 'discard all'), b(''), e, p('d', 'selec'), s).said();
  // c and the DISCARD were parsed, the DISCARD failed.
  one.machine.answered('I', true, 2);
  one.said();
  expect(one.send(b('a'), b('b'), b('c'), s).said()).toBe('share[B*select 1 B*select 2 B*select 3 S]');
});

it('more settings than fit into a frame pin instead', () => {
  const one = machine();
  for (let i = 0; i < 100; i++) one.send(q(`set a.b${i} to '${'x'.repeat(400)}'`));
  expect(one.said()).toContain('pin:settings');
  for (let i = 0; i < 100; i++) one.machine.answered('I', false, 0);
  expect((one.machine.settings?.text.length ?? 0) * 3).toBeLessThan(60_000);
  expect(
    machine()
      .send(q(`set a.b to '${'x'.repeat(60_000)}'`))
      .said(),
  ).toMatch(/^pin:settings/);
});

describe('where commits must reach a quorum', () => {
  function strict(): RecordingSink {
    const sink = machine();
    sink.keepsDurability = true;
    return sink;
  }

  it('nobody lowers synchronous_commit', () => {
    expect(strict().send(q('set synchronous_commit = off')).said()).toBe('!42501 Z');
    expect(strict().send(p('', 'set synchronous_commit = off'), b(''), e, s).said()).toBe('!42501 Z');
    expect(machine().send(q('set synchronous_commit = off')).said()).toMatch(/^send/);
    expect(strict().send(q('set synchronous_commit = on')).said()).toMatch(/^send/);
  });

  it('a transaction that tries it fails, in words that say why', () => {
    const sink = strict().send(q('begin'));
    sink.machine.answered('T', false, 0);
    sink.said();
    sink.send(q('set local synchronous_commit = off'));
    expect(sink.said()).toContain('[Q SET "synchronous_commit may not be lowered in this shard" = 1]');
    sink.send(p('', 'set local synchronous_commit = off'), b(''));
    expect(sink.said()).toBe('violation:42501');
  });
});
