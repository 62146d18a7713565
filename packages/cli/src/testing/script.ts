import { utf8 } from '@multigres/core';
import {
  encodeBind,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeFunctionCall,
  encodeParse,
  encodeQuery,
  encodeSync,
} from '@multigres/pgwire';
import type { Write } from './wire-client.ts';

/** Each step is written at once; then so many ReadyForQuery, or a text, are waited for. */
export type Step = readonly [wait: number | string, ...messages: readonly Write[]];

export const query =
  (text: string): Write =>
  (writer) =>
    encodeQuery(writer, text);
export const parse =
  (name: string, text: string): Write =>
  (writer) =>
    encodeParse(writer, name, text);
export const bind =
  (name: string, portal = '', ...parameters: readonly (string | null)[]): Write =>
  (writer) =>
    encodeBind(writer, { portal, statement: name, parameters });
/** Parameters and results in binary format. */
export const bindBinary =
  (name: string, ...parameters: readonly Uint8Array[]): Write =>
  (writer) =>
    encodeBind(writer, { portal: '', statement: name, parameterFormats: [1], parameters, resultFormats: [1] });
export const describeStatement =
  (name: string): Write =>
  (writer) =>
    encodeDescribe(writer, 'statement', name);
export const describePortal =
  (name: string): Write =>
  (writer) =>
    encodeDescribe(writer, 'portal', name);
export const execute =
  (portal = '', rows = 0): Write =>
  (writer) =>
    encodeExecute(writer, portal, rows);
export const closeStatement =
  (name: string): Write =>
  (writer) =>
    encodeClose(writer, 'statement', name);
export const closePortal =
  (name: string): Write =>
  (writer) =>
    encodeClose(writer, 'portal', name);
export const sync: Write = (writer) => encodeSync(writer);
export const flush: Write = (writer) => encodeFlush(writer);
export const copyData =
  (text: string): Write =>
  (writer) =>
    encodeCopyData(writer, utf8(text));
export const copyDone: Write = (writer) => encodeCopyDone(writer);
export const copyFail: Write = (writer) => encodeCopyFail(writer, 'no');
export const call =
  (oid: number, ...values: readonly (string | null)[]): Write =>
  (writer) =>
    encodeFunctionCall(writer, { functionOid: oid, argumentFormats: [], arguments: values, resultFormat: 0 });
