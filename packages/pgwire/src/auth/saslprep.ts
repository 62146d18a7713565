/** RFC 3454, table C.1.2: spaces that are not ASCII's. */
const otherSpaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
/** RFC 3454, table B.1: mapped to nothing. */
// oxlint-disable-next-line no-misleading-character-class -- combining characters stand for themselves in the table.
const mappedToNothing = /[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]/g;
/** RFC 4013, section 2.3: tables C.1.2, C.2.1, C.2.2, C.3 to C.9. */
const prohibited =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- the tables list control and combining characters.
  /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\u0000-\u001f\u007f-\u009f\u06dd\u070f\u180e\u200c\u200d\u2028\u2029\u2060-\u2063\u206a-\u206f\ufeff\ufff9-\uffff\u{1d173}-\u{1d17a}\ue000-\uf8ff\u{f0000}-\u{10ffff}\ufdd0-\ufdef\u{1fffe}\u{1ffff}\u{2fffe}\u{2ffff}\u{3fffe}\u{3ffff}\u{4fffe}\u{4ffff}\u{5fffe}\u{5ffff}\u{6fffe}\u{6ffff}\u{7fffe}\u{7ffff}\u{8fffe}\u{8ffff}\u{9fffe}\u{9ffff}\u{afffe}\u{affff}\u{bfffe}\u{bffff}\u{cfffe}\u{cffff}\u{dfffe}\u{dffff}\u{efffe}\u{effff}\ud800-\udfff\u2ff0-\u2ffb\u0340\u0341\u200e\u200f\u202a-\u202e\u{e0001}\u{e0020}-\u{e007f}]/u;
// oxlint-disable-next-line no-control-regex -- ASCII is what it says.
const ascii = /^[\u0000-\u007f]*$/;

/**
 * Normalises a password as PostgreSQL does before SCRAM (`pg_saslprep`, RFC 4013): ASCII as it is; else spaces and invisible characters
 * mapped, then NFKC; a password that SASLprep prohibits is used as it was given, not refused.
 *
 * Left out: the tables of code points that Unicode 3.2 does not assign and of writing directions. PostgreSQL uses a password that breaks
 * those rules unnormalised, we normalise it; this differs only if NFKC also changes such a password.
 */
export function saslprep(password: string): string {
  if (ascii.test(password)) return password;
  const prepared = password.replace(otherSpaces, ' ').replace(mappedToNothing, '').normalize('NFKC');
  return prepared === '' || prohibited.test(prepared) ? password : prepared;
}
