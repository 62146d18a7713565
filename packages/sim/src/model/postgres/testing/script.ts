import {
  encodeBind,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeQuery,
  encodeSync,
  type BindFields,
  type MessageWriter,
} from '@multigres/pgwire';
import { utf8 } from '@multigres/core';

export type Write = (writer: MessageWriter) => void;

/** One step of one session of a script. */
export type Step =
  /** Sends, and waits for so many ReadyForQuery (or the end of the connection). */
  | {
      readonly kind: 'send';
      readonly session: string;
      readonly text: string;
      readonly write: Write;
      readonly readies: number;
    }
  /** Sends, and waits until the backend waits for a lock. */
  | { readonly kind: 'block'; readonly session: string; readonly text: string; readonly write: Write }
  /** Waits for the ReadyForQuery of what was blocked. */
  | { readonly kind: 'await'; readonly session: string }
  /** Breaks the connection off. */
  | { readonly kind: 'leave'; readonly session: string };

/** A query of the simple protocol. */
export function query(session: string, text: string): Step {
  return { kind: 'send', session, text, write: (writer) => encodeQuery(writer, text), readies: 1 };
}

/** A query that has to wait for a lock. */
export function blocked(session: string, text: string): Step {
  return { kind: 'block', session, text, write: (writer) => encodeQuery(writer, text) };
}

export function awaited(session: string): Step {
  return { kind: 'await', session };
}

export function leave(session: string): Step {
  return { kind: 'leave', session };
}

/** A COPY FROM STDIN with its data; `fail` sends CopyFail at the end instead of CopyDone. */
export function copyIn(session: string, text: string, pieces: readonly string[], fail?: string): Step {
  return {
    kind: 'send',
    session,
    text,
    readies: 1,
    write: (writer) => {
      encodeQuery(writer, text);
      for (const piece of pieces) encodeCopyData(writer, utf8(piece));
      if (fail === undefined) encodeCopyDone(writer);
      else encodeCopyFail(writer, fail);
    },
  };
}

export type Message =
  | readonly ['parse', name: string, text: string, types?: readonly number[]]
  | readonly ['bind', fields: BindFields]
  | readonly ['describe', target: 'statement' | 'portal', name: string]
  | readonly ['execute', portal: string, rowsMax?: number]
  | readonly ['close', target: 'statement' | 'portal', name: string]
  | readonly ['query', text: string]
  | readonly ['copyData', text: string]
  | readonly ['copyDone']
  | readonly ['flush']
  | readonly ['sync'];

export function writeMessage(writer: MessageWriter, message: Message): void {
  switch (message[0]) {
    case 'parse':
      return encodeParse(writer, message[1], message[2], message[3]);
    case 'bind':
      return encodeBind(writer, message[1]);
    case 'describe':
      return encodeDescribe(writer, message[1], message[2]);
    case 'execute':
      return encodeExecute(writer, message[1], message[2] ?? 0);
    case 'close':
      return encodeClose(writer, message[1], message[2]);
    case 'query':
      return encodeQuery(writer, message[1]);
    case 'copyData':
      return encodeCopyData(writer, utf8(message[1]));
    case 'copyDone':
      return encodeCopyDone(writer);
    case 'flush':
      return encodeFlush(writer);
    case 'sync':
      return encodeSync(writer);
  }
}

/** Messages of the extended protocol, sent at once; a Sync is added. */
export function extended(session: string, ...messages: readonly Message[]): Step {
  const readies = 1 + messages.filter(([kind]) => kind === 'sync' || kind === 'query').length;
  return {
    kind: 'send',
    session,
    text: JSON.stringify(messages),
    readies,
    write: (writer) => {
      for (const message of messages) writeMessage(writer, message);
      encodeSync(writer);
    },
  };
}

/** Parse, Bind, Describe, Execute of one statement with text parameters. */
export function prepared(session: string, text: string, ...parameters: readonly (string | null)[]): Step {
  return extended(
    session,
    ['parse', '', text],
    ['bind', { portal: '', statement: '', parameters }],
    ['describe', 'portal', ''],
    ['execute', ''],
  );
}
