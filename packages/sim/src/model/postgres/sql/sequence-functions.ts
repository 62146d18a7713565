import type { Session } from '../session/session.ts';
import type { Value } from '../storage/value.ts';
import type { FunctionDefinition } from './functions.ts';
import { oid } from './types.ts';

function setval(session: Session, [name, value, called]: readonly Value[]): Value {
  session.sequences.set(name as string, value as bigint, called !== false);
  return value as bigint;
}

/** A name in quotes is looked up while the statement is analysed, as regclass is. */
function checkLiteral(session: Session, name: string, position: number | undefined): void {
  session.sequences.find(name, position);
}

/** PostgreSQL documentation, "Sequence Manipulation Functions". Sequences are named by text here, where Postgres has regclass. */
export const sequenceFunctions: readonly FunctionDefinition[] = [
  {
    name: 'nextval',
    checkLiteral,
    arguments: [oid.text],
    returns: oid.int8,
    volatile: true,
    evaluate: (session, [name]) => session.sequences.next(name as string),
  },
  {
    name: 'currval',
    checkLiteral,
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
  {
    name: 'setval',
    checkLiteral,
    arguments: [oid.text, oid.int8],
    returns: oid.int8,
    volatile: true,
    evaluate: setval,
  },
  {
    name: 'setval',
    checkLiteral,
    arguments: [oid.text, oid.int8, oid.bool],
    returns: oid.int8,
    volatile: true,
    evaluate: setval,
  },
];
