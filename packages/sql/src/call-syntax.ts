import { introducesExpression, wordId } from './keyword.ts';
import { Token } from './scanner.ts';

const AS = wordId('as');
const INTO = wordId('into');
const REFERENCES = wordId('references');

/** What has been seen of the statement so far, as bits: these words change how a later keyword reads. */
export const Seen = { insert: 1, merge: 2, group: 4 } as const;

type Rule = (beforeWord: number, seen: number) => boolean;

function after(...names: readonly string[]): Rule {
  const words = new Set(names.map(wordId));
  return (beforeWord) => words.has(beforeWord);
}

const onConflict = after('on');

/** Keywords that could also be a function's name: where they are syntax although an expression could stand there. */
const rules: ReadonlyMap<number, Rule> = new Map<number, Rule>([
  [wordId('by'), after('order', 'group', 'partition')],
  [wordId('zone'), after('time')],
  [wordId('first'), after('fetch')],
  [wordId('next'), after('fetch')],
  [wordId('sets'), after('grouping')],
  [wordId('key'), after('primary', 'foreign')],
  [wordId('varying'), after('character', 'char', 'bit', 'nchar')],
  [wordId('materialized'), after('not')],
  [wordId('second'), after('to')],
  [wordId('like'), after('not')],
  [wordId('ilike'), after('not')],
  [wordId('bernoulli'), after('tablesample')],
  [wordId('system'), after('tablesample')],
  [wordId('conflict'), (beforeWord, seen) => (seen & Seen.insert) !== 0 && onConflict(beforeWord, seen)],
  [wordId('insert'), (_, seen) => (seen & Seen.merge) !== 0],
  [wordId('cube'), (_, seen) => (seen & Seen.group) !== 0],
  [wordId('rollup'), (_, seen) => (seen & Seen.group) !== 0],
]);

/**
 * Whether `name (` is syntax and no function call: a column list, an alias, a type, a keyword. Decided by the token
 * before the name: after what ends an expression no call can stand.
 *
 * @param word the name's keyword number, 0 when it is none or is qualified
 */
export function isCallSyntax(word: number, beforeKind: number, beforeWord: number, seen: number): boolean {
  switch (beforeKind) {
    case Token.quoted:
    case Token.string:
    case Token.number:
    case Token.parameter:
    case Token.rightParen:
    case Token.rightBracket:
    case Token.cast:
    case Token.dot:
      return true;
    case Token.word:
      break;
    default:
      return word !== 0 && (rules.get(word)?.(0, seen) ?? false);
  }
  // `AS name (`: a type or an alias. `INTO name (`, `REFERENCES name (`: a table's columns.
  if (beforeWord === AS || beforeWord === INTO || beforeWord === REFERENCES) return true;
  if (!introducesExpression(beforeWord)) return true;
  if (word === 0) return false;
  return rules.get(word)?.(beforeWord, seen) ?? false;
}
