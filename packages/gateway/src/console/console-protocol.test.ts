import { PgError } from '@multigres/core';
import {
  decodeBackendMessage,
  Deframer,
  MessageWriter,
  type BackendMessage,
  type FrontendMessage,
} from '@multigres/pgwire';
import { describe, expect, it } from 'vitest';
import type { Console } from './console.ts';
import { ConsoleProtocol } from './console-protocol.ts';
import { ConsoleSettings } from './console-settings.ts';

/** Answers every view with three rows of help, and fails KILL. */
const fake: Pick<Console, 'run'> = {
  run: async (statement, by) => {
    if (statement.kind === 'view') return { tag: 'SHOW', rows: ['a', 'b', 'c'].map((text) => [text, '1']) };
    if (statement.kind === 'command' && statement.verb === 'kill')
      throw new PgError({ sqlstate: '3D000', message: 'no' });
    if (statement.kind === 'set') return { tag: 'SET', told: by.settings.set(statement.name, statement.value) };
    return { tag: statement.kind === 'command' ? statement.tag : 'X', rows: [] };
  },
};

function brief(message: BackendMessage | undefined): string {
  switch (message?.kind) {
    case 'readyForQuery':
      return `Z${message.status}`;
    case 'errorResponse':
      return `!${message.report.severity}:${message.report.sqlstate}`;
    case 'noticeResponse':
      return `?${message.notice.sqlstate}`;
    case 'commandComplete':
      return message.commandTag;
    case 'parameterStatus':
      return `${message.name}=${message.value}`;
    case 'dataRow':
      return `(${message.values.map((value) => String.fromCharCode(...(value ?? []))).join()})`;
    case 'rowDescription':
      return `[${message.columns.map(({ name }) => name).join()}]`;
    default:
      return message?.kind ?? 'malformed';
  }
}

class Client {
  readonly #writer = new MessageWriter();
  readonly #protocol = new ConsoleProtocol({
    console: fake,
    writer: this.#writer,
    user: 'u',
    database: 'd',
    mayCommand: true,
    settings: new ConsoleSettings('u', []),
  });

  async says(...messages: readonly FrontendMessage[]): Promise<string> {
    for (const message of messages) await this.#protocol.message(message);
    const heard: string[] = [];
    const deframer = new Deframer(
      {
        frame: (_tag, buffer, start, end) => heard.push(brief(decodeBackendMessage(buffer, start, end))),
        part: () => {},
      },
      { wholeBytesMax: 10_000, messageBytesMax: 10_000 },
    );
    deframer.feed(this.#writer.take());
    return heard.join(' ');
  }

  query(text: string): Promise<string> {
    return this.says({ kind: 'query', text });
  }
}

const parse = (query: string, statement = ''): FrontendMessage => ({
  kind: 'parse',
  statement,
  query,
  parameterTypes: [],
});
const bind = (statement = '', portal = ''): FrontendMessage => ({
  kind: 'bind',
  portal,
  statement,
  parameterFormats: [],
  parameters: [],
  resultFormats: [],
});
const execute = (rowsMax = 0, portal = ''): FrontendMessage => ({ kind: 'execute', portal, rowsMax });
const describePortal: FrontendMessage = { kind: 'describe', target: 'portal', name: '' };
const describeStatement: FrontendMessage = { kind: 'describe', target: 'statement', name: '' };
const sync: FrontendMessage = { kind: 'sync' };

describe('simple queries', () => {
  it('of several statements are answered one by one, each with its columns and its tag', async () => {
    expect(await new Client().query('show help; pause; ;')).toBe('[command,meaning] (a,1) (b,1) (c,1) SHOW PAUSE ZI');
    expect(await new Client().query(' ; ')).toBe('emptyQueryResponse ZI');
  });

  it('end at the first error, and do nothing if one of them makes no sense', async () => {
    expect(await new Client().query('pause; kill; resume')).toBe('PAUSE !ERROR:3D000 ZI');
    expect(await new Client().query('pause; frobnicate')).toBe('!ERROR:42601 ZI');
  });

  it('begin and end transactions in name, and an error is remembered until the end', async () => {
    const client = new Client();
    expect(await client.query('begin')).toBe('BEGIN ZT');
    expect(await client.query('begin')).toBe('?25001 BEGIN ZT');
    expect(await client.query('kill')).toBe('!ERROR:3D000 ZE');
    expect(await client.query('show help')).toBe('!ERROR:25P02 ZE');
    expect(await client.query('commit')).toBe('ROLLBACK ZI');
    expect(await client.query('rollback')).toBe('?25P01 ROLLBACK ZI');
  });

  it('tell of the settings that drivers follow', async () => {
    expect(await new Client().query("set application_name = 'me'")).toBe('application_name=me SET ZI');
    expect(await new Client().query('set client_encoding = utf8')).toBe('client_encoding=UTF8 SET ZI');
    expect(await new Client().query('set extra_float_digits = 3')).toBe('SET ZI');
    expect(await new Client().query('set client_encoding = latin1')).toBe('!ERROR:0A000 ZI');
    expect(await new Client().query("set statement_timeout = '5s'")).toBe('!ERROR:0A000 ZI');
  });
});

describe('extended queries', () => {
  it('know their columns before they run', async () => {
    expect(
      await new Client().says(parse('show help'), describeStatement, bind(), describePortal, execute(), sync),
    ).toBe(
      'parseComplete parameterDescription [command,meaning] bindComplete [command,meaning] (a,1) (b,1) (c,1) SHOW ZI',
    );
    expect(await new Client().says(parse('pause'), describeStatement, bind(), describePortal, execute(), sync)).toBe(
      'parseComplete parameterDescription noData bindComplete noData PAUSE ZI',
    );
    expect(await new Client().says(parse(''), bind(), describePortal, execute(), sync)).toBe(
      'parseComplete bindComplete noData emptyQueryResponse ZI',
    );
  });

  it('give their rows in portions', async () => {
    expect(await new Client().says(parse('show help'), bind(), execute(2), execute(2), sync)).toBe(
      'parseComplete bindComplete (a,1) (b,1) portalSuspended (c,1) SHOW ZI',
    );
  });

  it('are passed over from an error to the Sync', async () => {
    const client = new Client();
    expect(await client.says(parse('frobnicate'), bind(), execute(), sync)).toBe('!ERROR:42601 ZI');
    expect(await client.says(parse('show help'), bind(), execute(), sync)).toContain('SHOW ZI');
  });

  it.each([
    ['a statement that is not there', [bind('nobody'), sync], '26000'],
    ['a portal that is not there', [execute(0, 'nobody'), sync], '34000'],
    ['two commands in one', [parse('pause; resume'), sync], '42601'],
    ['a name that is taken', [parse('pause', 'a'), parse('pause', 'a'), sync], '42P05'],
    ['a function call', [{ kind: 'functionCall' } as FrontendMessage], '0A000'],
    ['a parameter', [{ ...parse('pause'), parameterTypes: [25] } as FrontendMessage, sync], '08P01'],
  ])('%s is refused', async (_what, messages, sqlstate) => {
    expect(await new Client().says(...messages)).toMatch(new RegExp(`!ERROR:${sqlstate} ZI$`));
  });

  it('may prepare and close by name, and no more than a session should need', async () => {
    const client = new Client();
    expect(await client.says(parse('show help', 'a'), bind('a'), execute(), sync)).toContain('SHOW ZI');
    expect(await client.says({ kind: 'close', target: 'statement', name: 'a' }, bind('a'), sync)).toBe(
      'closeComplete !ERROR:26000 ZI',
    );
    for (let at = 0; at < 256; at++) await client.says(parse('pause', `s${at}`), sync);
    expect(await client.says(parse('pause', 'one more'), sync)).toBe('!ERROR:53400 ZI');
  });
});
