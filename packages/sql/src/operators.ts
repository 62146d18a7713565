/**
 * The names of pg_catalog's operators. An operator is a function, so one that is not here may do anything.
 *
 * Source: pg_operator of PostgreSQL 15; later versions added none. `<=`, `<>` and `!=` are the same in every scanner.
 */
const names: string =
  '! !! !~ !~* !~~ !~~* != # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<= <<| ' +
  '<= <> <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~= ' +
  '~>=~ ~>~ ~~ ~~*';

const known: ReadonlySet<string> = new Set(names.split(' '));

/** Whether text[start, end) is an operator that every PostgreSQL brings. */
export function isKnownOperator(text: string, start: number, end: number): boolean {
  // Every single character that can be an operator is one, but for the backquote.
  if (end - start === 1) return text.charCodeAt(start) !== 96;
  return known.has(text.slice(start, end));
}
