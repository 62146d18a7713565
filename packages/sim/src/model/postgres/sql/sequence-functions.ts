import type { Session } from '../session/session.ts';
import type { Value } from '../storage/value.ts';
import type { FunctionDefinition } from './functions.ts';
import { oid } from './types.ts';

function setval(session: Session, [name, value, called]: readonly Value[]): Value {
  session.sequences.set(name as string, value as bigint, called !== false);
  return value as bigint;
}

/** PostgreSQL documentation, "Sequence Manipulation Functions". Sequences are named by text here, where Postgres has regclass. */
export const sequenceFunctions: readonly FunctionDefinition[] = [
  {
    name: 'nextval',
    arguments: [oid.text],
    returns: oid.int8,
    volatile: true,
    evaluate: (session, [name]) => session.sequences.next(name as string),
  },
  {
    name: 'currval',
    arguments: [oid.text],
    returns: oid.int8,
    volatile: true,
    evaluate: (session, [name]) => session.sequences.current(name as string),
  },
  {
    name: 'lastval',
    arguments: [],
    returns: oid.int8,
    volatile: true,
    evaluate: (session) => session.sequences.last(),
  },
  { name: 'setval', arguments: [oid.text, oid.int8], returns: oid.int8, volatile: true, evaluate: setval },
  { name: 'setval', arguments: [oid.text, oid.int8, oid.bool], returns: oid.int8, volatile: true, evaluate: setval },
];
