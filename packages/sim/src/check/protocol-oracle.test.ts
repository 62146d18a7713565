import { describe, expect, it } from 'vitest';
import { ProtocolOracle, type Sent } from './protocol-oracle.ts';

const text = (value: string): number[] => [...new TextEncoder().encode(value), 0];

function message(tag: string, ...body: number[]): Uint8Array {
  const length = body.length + 4;
  return new Uint8Array([
    tag.charCodeAt(0),
    length >>> 24,
    (length >>> 16) & 255,
    (length >>> 8) & 255,
    length & 255,
    ...body,
  ]);
}

const server = {
  ok: message('R', 0, 0, 0, 0),
  ready: message('Z', 'I'.charCodeAt(0)),
  inTransaction: message('Z', 'T'.charCodeAt(0)),
  complete: message('C', ...text('SELECT 1')),
  oneColumn: message('T', 0, 1),
  row: message('D', 0, 1, 0, 0, 0, 0),
  wideRow: message('D', 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
  error: message('E', ...text('SERROR'), ...text('VERROR'), 0),
  fatal: message('E', ...text('SFATAL'), ...text('VFATAL'), 0),
  notice: message('N', 0),
  parsed: message('1'),
  bound: message('2'),
  closed: message('3'),
  parameters: message('t', 0, 0),
  noData: message('n'),
  suspended: message('s'),
};

type Happening = { readonly sends: Sent } | { readonly gets: keyof typeof server };
const sends = (...all: Sent[]): Happening[] => all.map((one) => ({ sends: one }));
const gets = (...all: (keyof typeof server)[]): Happening[] => all.map((one) => ({ gets: one }));

/** What the oracle says of a session that is logged in already; undefined: nothing is wrong. */
function verdict(history: readonly Happening[], login = true): string | undefined {
  let said: string | undefined;
  const oracle = new ProtocolOracle((sentence) => {
    said ??= sentence;
  });
  for (const happening of [...(login ? gets('ok', 'ready') : []), ...history]) {
    if ('sends' in happening) oracle.sent(happening.sends);
    else for (const byte of server[happening.gets]) oracle.received(new Uint8Array([byte]));
  }
  return said;
}

const extended: readonly Sent[] = ['parse', 'bind', 'describePortal', 'execute', 'sync'];

describe('the protocol oracle', () => {
  it.each<[string, Happening[]]>([
    ['a query', [...sends('query'), ...gets('oneColumn', 'row', 'row', 'complete', 'ready')]],
    ['two statements in a query', [...sends('query'), ...gets('oneColumn', 'row', 'complete', 'complete', 'ready')]],
    ['a query that fails', [...sends('query'), ...gets('oneColumn', 'error', 'ready')]],
    ['an extended query', [...sends(...extended), ...gets('parsed', 'bound', 'oneColumn', 'row', 'complete', 'ready')]],
    ['an error skips to Sync', [...sends(...extended), ...gets('parsed', 'error', 'ready')]],
    [
      'a pipeline with an error in the first group',
      [...sends(...extended, ...extended), ...gets('error', 'ready', 'parsed', 'bound', 'noData', 'complete', 'ready')],
    ],
    [
      'an error before the Sync was sent',
      [...sends('parse', 'bind'), ...gets('error'), ...sends('execute', 'sync'), ...gets('ready')],
    ],
    ['a failing Sync', [...sends('sync'), ...gets('error', 'ready')]],
    ['a description', [...sends('describeStatement', 'sync'), ...gets('parameters', 'noData', 'ready')]],
    ['portions', [...sends('execute', 'execute', 'sync'), ...gets('row', 'suspended', 'row', 'complete', 'ready')]],
    [
      'notices at any time',
      [...gets('notice'), ...sends('query'), ...gets('notice', 'complete', 'notice', 'ready', 'notice')],
    ],
    ['an end out of the blue', gets('fatal')],
  ])('has nothing against %s', (_name, history) => {
    expect(verdict(history)).toBeUndefined();
  });

  it.each<[string, Happening[], string]>([
    ['an answer to nobody', gets('complete'), 'no reply was owed'],
    ['an answer that comes twice', [...sends('query'), ...gets('complete', 'ready', 'ready')], 'no reply was owed'],
    ['a missing ParseComplete', [...sends('parse', 'bind', 'sync'), ...gets('bound')], 'no reply to parse'],
    ['ReadyForQuery too early', [...sends(...extended), ...gets('parsed', 'ready')], 'no reply to bind'],
    ['a query without a result', [...sends('query'), ...gets('ready')], 'no result and no error'],
    ['a result that is cut off', [...sends('query'), ...gets('oneColumn', 'row', 'ready')], 'not complete'],
    ['a row of another query', [...sends('query'), ...gets('oneColumn', 'wideRow')], 'number of columns'],
    ['a row without description', [...sends('query'), ...gets('row')], 'without a description'],
    ['results after an error', [...sends('query'), ...gets('error', 'complete')], 'only ReadyForQuery'],
    ['two errors for one query', [...sends('query'), ...gets('error', 'error')], 'second error'],
    [
      'replies that an error should have skipped',
      [...sends(...extended), ...gets('error', 'bound')],
      'no reply to sync',
    ],
    ['words after the last word', gets('fatal', 'notice'), 'after a fatal error'],
    ['an error out of the blue', gets('error'), 'no reply was owed'],
  ])('sees %s', (_name, history, sentence) => {
    expect(verdict(history)).toContain(sentence);
  });

  it('sees a login into the middle of a transaction, and garbage', () => {
    expect(verdict(gets('ok', 'inTransaction'), false)).toContain('not idle');
    expect(verdict(gets('complete'), false)).toContain('before the authentication was over');
    let said = '';
    const oracle = new ProtocolOracle((sentence) => {
      said = sentence;
    });
    oracle.received(new Uint8Array([65, 255, 255, 255, 255]));
    expect(said).toContain('claims to be');
  });
});
