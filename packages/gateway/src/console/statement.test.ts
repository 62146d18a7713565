import { fc, test } from '@fast-check/vitest';
import { PgError } from '@multigres/core';
import { describe, expect, it } from 'vitest';
import { help } from './help.ts';
import { parseConsole } from './statement.ts';

function refusal(text: string): string {
  try {
    return `accepted: ${JSON.stringify(parseConsole(text))}`;
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    return `${error.sqlstate} ${error.message} (${error.report.position})`;
  }
}

describe('a statement at the console', () => {
  it.each([
    ['show pools', { kind: 'view', view: 'pools' }],
    ['SHOW  "clients" ;', { kind: 'view', view: 'clients' }],
    ['Show Workers', { kind: 'view', view: 'gateways' }],
    ['pause', { kind: 'command', verb: 'pause', tag: 'PAUSE' }],
    ['RESUME "My ""db"""', { kind: 'command', verb: 'resume', tag: 'RESUME', target: 'My "db"' }],
    ['pause My-Db', undefined],
    ['kill Shop', { kind: 'command', verb: 'kill', tag: 'KILL', target: 'Shop' }],
    ['kill client 17', { kind: 'command', verb: 'killClient', tag: 'KILL', target: '17' }],
    ['KILL_CLIENT 17', { kind: 'command', verb: 'killClient', tag: 'KILL_CLIENT', target: '17' }],
    ['shutdown wait_for_clients', { kind: 'command', verb: 'drain', tag: 'SHUTDOWN' }],
    ["drain 'cell1/gateway-1'", { kind: 'command', verb: 'drain', tag: 'DRAIN', target: 'cell1/gateway-1' }],
    ['show client_encoding', { kind: 'showSetting', name: 'client_encoding' }],
    ['SHOW TRANSACTION ISOLATION LEVEL', { kind: 'showSetting', name: 'transaction_isolation' }],
    ['SET extra_float_digits = 3', { kind: 'set', name: 'extra_float_digits', value: '3' }],
    ["set datestyle to 'ISO', mdy", { kind: 'set', name: 'datestyle', value: 'ISO, mdy' }],
    ["SET SESSION TIME ZONE 'UTC'", { kind: 'set', name: 'timezone', value: 'UTC' }],
    ["set names 'utf8'", { kind: 'set', name: 'client_encoding', value: 'utf8' }],
    ['reset application_name', { kind: 'set', name: 'application_name', value: undefined }],
    ['BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY', { kind: 'transaction', does: 'begin', tag: 'BEGIN' }],
    ['start transaction', { kind: 'transaction', does: 'begin', tag: 'START TRANSACTION' }],
    ['end', { kind: 'transaction', does: 'commit', tag: 'COMMIT' }],
    ['DISCARD ALL', { kind: 'nothing', tag: 'DISCARD ALL' }],
    ['unlisten *', { kind: 'nothing', tag: 'UNLISTEN' }],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', { kind: 'nothing', tag: 'SET' }],
    [
      '/* hello /* again */ */ select 1 -- the end',
      { kind: 'select', items: [{ column: '?column?', value: { number: '1' } }] },
    ],
    [
      "select version(), 'x' as y",
      {
        kind: 'select',
        items: [
          { column: 'version', value: { call: 'version' } },
          { column: 'y', value: { text: 'x' } },
        ],
      },
    ],
  ] as const)('%s', (text, statement) => {
    if (statement === undefined) expect(() => parseConsole(text)).toThrow(PgError);
    else expect(parseConsole(text)).toEqual([statement]);
  });

  it('is cut off from the next one at semicolons, but not at those in quotes and comments', () => {
    const statements = parseConsole(`;show pools;; set application_name = 'a;b' /* ; */; resume "x;y";`);
    expect(statements.map(({ kind }) => kind)).toEqual(['view', 'set', 'command']);
    expect(parseConsole(' ; -- nothing')).toEqual([]);
  });

  it.each([
    ['foo', '42601 syntax error at or near "foo" (1)'],
    ['show', '42601 syntax error at end of input (5)'],
    ['show pools clients', '42601 syntax error at or near "clients" (12)'],
    ['show pools; frobnicate', '42601 syntax error at or near "frobnicate" (13)'],
    ['kill client', '42601 syntax error at end of input (12)'],
    ['select * from pg_type', '42601 syntax error at or near "*" (8)'],
    ['select pg_sleep(1)', '42601 syntax error at or near "pg_sleep" (8)'],
    ["set x = 'open", `42601 syntax error at or near "'open" (9)`],
    ['/* open', '42601 syntax error at or near "/*" (1)'],
    ['discard temp', '42601 syntax error at or near "discard" (1)'],
    ['show pools $1', '42601 syntax error at or near "$1" (12)'],
  ])('%s is refused with its place', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it('that SHOW HELP names is understood', () => {
    const words = help.map(([command]) => command.replace(/\[?(database|gateway|id)\]?/, 'x1'));
    for (const command of words) expect(refusal(command)).toMatch(/^accepted/);
  });

  test.prop([fc.string({ unit: fc.constantFrom(...'show set; pause"\'/*-=,()$1\n') })])(
    'of any letters is understood or refused with 42601',
    (text) => {
      expect(refusal(text)).toMatch(/^(accepted|42601)/);
    },
  );
});
