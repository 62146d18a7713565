/** What the pooler asks about a role: the one query of pg_authid that the model knows. */
const question =
  /^SELECT rolpassword, rolcanlogin FROM pg_catalog\.pg_authid WHERE rolname = '([a-z_]+)' AND \(rolvaliduntil IS NULL OR/;

/** The query as one that the model's grammar has: with the answer in it. Any other text is as it was. */
export function answeredRoleQuestion(text: string, storedPassword: (role: string) => string | undefined): string {
  const role = question.exec(text)?.[1];
  if (role === undefined) return text;
  const stored = storedPassword(role);
  return stored === undefined ? `SELECT NULL, 'f'` : `SELECT '${stored}', 't'`;
}
