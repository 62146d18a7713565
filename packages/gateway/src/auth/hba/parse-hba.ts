import type { HbaMethod, HbaName, HbaRule } from './hba-rule.ts';
import { hbaLines, type HbaField, type HbaLine, type HbaToken } from './hba-tokens.ts';
import { maskOfBits, parseIp } from './ip-address.ts';

/** Rules in their order, or all that is wrong with the text, each as `FILE:LINE: what`. */
export type ParsedHba =
  | { readonly kind: 'rules'; readonly rules: readonly HbaRule[] }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

/** What is wrong with a line; caught where the line's number is known. */
class Problem extends Error {}

/**
 * Reads rules in the format of `pg_hba.conf` (PostgreSQL documentation, "The pg_hba.conf File"). `file` is for messages. What PostgreSQL has and
 * this does not is refused, never skipped: a rule that is left out lets somebody in whom it would have turned away.
 */
export function parseHba(text: string, file: string): ParsedHba {
  const rules: HbaRule[] = [];
  const problems: string[] = [];
  for (const line of hbaLines(text)) {
    const where = `${file}:${line.number}`;
    try {
      rules.push(ruleOf(line, where));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push(`${where}: ${error.message}`);
    }
  }
  if (rules.length === 0 && problems.length === 0) problems.push(`${file}: has no rule, so nobody could log in`);
  return problems.length === 0 ? { kind: 'rules', rules } : { kind: 'refused', problems };
}

function ruleOf(line: HbaLine, where: string): HbaRule {
  if (line.error !== undefined) throw new Problem(line.error);
  const fields = new Fields(line.fields);
  const type = typeOf(fields.one('connection type'));
  const databases = fields.list('database').map(databaseOf);
  const users = fields.list('user').map(userOf);
  const network = type === 'local' ? undefined : networkOf(fields);
  const method = methodOf(fields.one('authentication method'), type);
  const clientCertificate = certificateOf(fields.rest(), type, method);
  return { type, databases, users, ...(network && { network }), method, clientCertificate, where };
}

/** Takes the fields of a line one by one. */
class Fields {
  readonly #fields: readonly HbaField[];
  #at = 0;

  constructor(fields: readonly HbaField[]) {
    this.#fields = fields;
  }

  list(what: string): HbaField {
    const field = this.#fields[this.#at++];
    if (field === undefined) throw new Problem(`end-of-line before ${what} specification`);
    return field;
  }

  one(what: string): HbaToken {
    const [token, ...more] = this.list(what);
    if (more.length > 0) throw new Problem(`multiple values specified for ${what}`);
    return token as HbaToken;
  }

  rest(): HbaToken[] {
    return this.#fields.slice(this.#at).flat();
  }
}

function typeOf({ text }: HbaToken): HbaRule['type'] {
  switch (text) {
    case 'local':
    case 'host':
    case 'hostssl':
    case 'hostnossl':
      return text;
    case 'hostnogssenc':
      return 'host';
    case 'hostgssenc':
      throw new Problem('hostgssenc cannot match: GSSAPI encryption is not supported');
    case 'include':
    case 'include_if_exists':
    case 'include_dir':
      throw new Problem(`${text} is not supported: write all rules into one file`);
    default:
      throw new Problem(`invalid connection type "${text}"`);
  }
}

function databaseOf(token: HbaToken): HbaName {
  if (!token.quoted) {
    if (token.text === 'all') return { kind: 'all' };
    if (token.text === 'sameuser') return { kind: 'sameUser' };
    if (token.text === 'replication') return { kind: 'replication' };
    if (token.text === 'samerole' || token.text === 'samegroup')
      throw new Problem(`${token.text} is not supported: the gateway does not know who is a member of which role`);
  }
  return nameOf(token);
}

function userOf(token: HbaToken): HbaName {
  if (!token.quoted) {
    if (token.text === 'all') return { kind: 'all' };
    if (token.text.startsWith('+'))
      throw new Problem(`${token.text} is not supported: the gateway does not know who is a member of which role`);
  }
  return nameOf(token);
}

function nameOf({ text, quoted }: HbaToken): HbaName {
  if (!quoted && text.startsWith('@')) throw new Problem(`${text} is not supported: write the names into the line`);
  return text.startsWith('/') ? { kind: 'matches', pattern: patternOf(text.slice(1)) } : { kind: 'is', name: text };
}

/**
 * PostgreSQL's regular expressions and JavaScript's are alike but for corners, and a rule must not mean something else than in PostgreSQL: with
 * the flag `u` what only PostgreSQL knows (`\m`, `\A`, `(?i)`, `***=`) is a syntax error, and the rest is refused here.
 */
function patternOf(source: string): RegExp {
  if (/\[[:.=]|\[\^?\[:/.test(source)) throw new Problem(`bracket classes as in "/${source}" are not supported`);
  try {
    return new RegExp(source, 'u');
  } catch {
    throw new Problem(`invalid or unsupported regular expression "${source}"`);
  }
}

function networkOf(fields: Fields): HbaRule['network'] {
  const token = fields.one('IP address');
  if (!token.quoted && token.text === 'all') return undefined;
  if (!token.quoted && (token.text === 'samehost' || token.text === 'samenet'))
    throw new Problem(`${token.text} is not supported: write the addresses themselves`);
  const [text, bits] = splitBits(token.text);
  const address = parseIp(text);
  if (address === undefined) throw new Problem(notAnAddress(text, token.text));
  if (bits !== undefined) return { address, mask: maskOf(bits, address.length, token.text) };
  const maskText = fields.one('netmask').text;
  const mask = parseIp(maskText);
  if (mask === undefined) throw new Problem(`invalid IP mask "${maskText}"`);
  if (mask.length !== address.length) throw new Problem('IP address and mask do not match');
  return { address, mask };
}

function splitBits(text: string): readonly [address: string, bits: string | undefined] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text, undefined] : [text.slice(0, slash), text.slice(slash + 1)];
}

function maskOf(bits: string, length: number, text: string): Uint8Array {
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > length * 8) throw new Problem(`invalid CIDR mask in address "${text}"`);
  return maskOfBits(Number(bits), length);
}

function notAnAddress(text: string, whole: string): string {
  // PostgreSQL takes what is no address for the name of a host, and looks it up at each login.
  if (/^\.?[A-Za-z]/.test(text)) return `host name "${whole}" is not supported: write its addresses`;
  return `invalid IP address "${text}"`;
}

const methods: readonly string[] = [
  'trust',
  'reject',
  'scram-sha-256',
  'md5',
  'password',
  'cert',
] satisfies HbaMethod[];
const otherMethods: readonly string[] = ['gss', 'sspi', 'ident', 'peer', 'ldap', 'radius', 'pam', 'bsd', 'oauth'];

function methodOf({ text }: HbaToken, type: HbaRule['type']): HbaMethod {
  if (otherMethods.includes(text)) throw new Problem(`authentication method "${text}" is not supported by the gateway`);
  if (!methods.includes(text)) throw new Problem(`invalid authentication method "${text}"`);
  if (text === 'cert' && type !== 'hostssl')
    throw new Problem('cert authentication is only supported on hostssl connections');
  return text as HbaMethod;
}

function certificateOf(
  options: readonly HbaToken[],
  type: HbaRule['type'],
  method: HbaMethod,
): HbaRule['clientCertificate'] {
  let certificate: HbaRule['clientCertificate'] = 'none';
  for (const { text } of options) {
    const equals = text.indexOf('=');
    if (equals < 0) throw new Problem(`authentication option not in name=value format: ${text}`);
    const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
    if (name === 'clientcert') certificate = clientcertOf(value, type, method);
    else if (name === 'clientname') requireCommonName(value, type);
    else if (name === 'map') throw new Problem('map is not supported: certificates must bear the names of the users');
    else throw new Problem(`unrecognized authentication option name: "${name}"`);
  }
  return method === 'cert' ? 'ofUser' : certificate;
}

function clientcertOf(value: string, type: HbaRule['type'], method: HbaMethod): HbaRule['clientCertificate'] {
  if (type !== 'hostssl') throw new Problem('clientcert can only be configured for "hostssl" rows');
  if (value === 'verify-full') return 'ofUser';
  if (value !== 'verify-ca') throw new Problem(`invalid value for clientcert: "${value}"`);
  if (method === 'cert') throw new Problem('clientcert only accepts "verify-full" when using "cert" authentication');
  return 'trusted';
}

function requireCommonName(value: string, type: HbaRule['type']): void {
  if (type !== 'hostssl') throw new Problem('clientname can only be configured for "hostssl" rows');
  if (value === 'DN') throw new Problem('clientname=DN is not supported: only the common name is compared');
  if (value !== 'CN') throw new Problem(`invalid value for clientname: "${value}"`);
}
