// How fast messages are cut and peeked at: node --conditions=@multigres/source packages/pgwire/src/frame/deframer.bench.ts
import { encodeCommandComplete } from '../backend/command-complete.ts';
import { encodeDataRow } from '../backend/data-row.ts';
import { encodeReadyForQuery, peekReadyForQuery } from '../backend/ready-for-query.ts';
import { BindPeek, encodeBind, peekBind, writeBindRenamed } from '../frontend/bind.ts';
import { encodeDescribe } from '../frontend/describe.ts';
import { encodeExecute } from '../frontend/execute.ts';
import { encodeParse, ParsePeek, peekParse } from '../frontend/parse.ts';
import { encodeSync } from '../frontend/sync.ts';
import { RepliesOwed } from '../session/replies-owed.ts';
import { backendTag, frontendTag, frontendTagTable } from '../tags.ts';
import { MessageWriter } from '../wire/message-writer.ts';
import { Deframer, type FrameSink } from './deframer.ts';

const chunkBytes = 65_536;
const limits = { wholeBytesMax: 1 << 20, messageBytesMax: 1 << 30 };

/** A stream of about 4 MB that repeats these messages, and how many there are of them. */
function streamOf(count: number, write: (writer: MessageWriter) => void): { bytes: Uint8Array; messages: number } {
  const writer = new MessageWriter(1 << 22);
  let repeats = 0;
  while (writer.length < 4 << 20) {
    write(writer);
    repeats += 1;
  }
  return { bytes: writer.take(), messages: repeats * count };
}

const client = streamOf(5, (writer) => {
  encodeParse(writer, '', 'SELECT abalance FROM pgbench_accounts WHERE aid = $1;');
  encodeBind(writer, { portal: '', statement: '', parameters: ['123456'] });
  encodeDescribe(writer, 'portal', '');
  encodeExecute(writer, '');
  encodeSync(writer);
});
const server = streamOf(3, (writer) => {
  encodeDataRow(writer, ['-4321']);
  encodeCommandComplete(writer, 'SELECT 1');
  encodeReadyForQuery(writer, 'I');
});
const rows = streamOf(1, (writer) => encodeDataRow(writer, ['1', 'x'.repeat(80), '2026-11-21']));

const statementName = Uint8Array.of(0x73, 0x31);
const parsePeek = new ParsePeek();
const bindPeek = new BindPeek();
const out = new MessageWriter();
let seen = 0;

const counting: FrameSink = {
  frame(): void {
    seen += 1;
  },
  part(): void {},
};
const peeking: FrameSink = {
  frame(tag, buffer, start, end): void {
    if (tag === frontendTag.parse) seen += peekParse(buffer, start, end, parsePeek) ? 1 : 0;
    else if (tag === frontendTag.bind) seen += peekBind(buffer, start, end, bindPeek) ? 1 : 0;
    else if (tag === backendTag.readyForQuery) seen += peekReadyForQuery(buffer, start, end);
  },
  part(): void {},
};
const renaming: FrameSink = {
  frame(tag, buffer, start, end): void {
    if (tag === frontendTag.bind) writeBindRenamed(out, buffer, start, end, statementName);
    else out.bytes(buffer, start, end);
    if (tag === frontendTag.sync) seen += out.take().length;
  },
  part(): void {},
};
const owed = new RepliesOwed<number>(1000);
const owing: FrameSink = {
  frame(tag): void {
    owed.sent(tag, 1);
    if (tag !== frontendTag.sync) return;
    for (const reply of '12TDCZ') if (owed.received(reply.charCodeAt(0)) === 'ready') seen += 1;
  },
  part(): void {},
};

function run(
  name: string,
  stream: { bytes: Uint8Array; messages: number },
  sink: FrameSink,
  rounds: number = 20,
): void {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const deframer = new Deframer(sink, { ...limits, tags: frontendTagTable().fill(2) });
    const began = performance.now();
    for (let at = 0; at < stream.bytes.length; at += chunkBytes) {
      deframer.feed(stream.bytes.subarray(at, at + chunkBytes));
    }
    samples.push(performance.now() - began);
  }
  const medianMs = samples.toSorted((a, b) => a - b)[rounds >> 1] as number;
  const perMessageNs = (medianMs * 1e6) / stream.messages;
  const rate = stream.bytes.length / 1e6 / (medianMs / 1e3);
  console.log(
    `${name.padEnd(34)} ${perMessageNs.toFixed(1).padStart(7)} ns/message ${rate.toFixed(0).padStart(7)} MB/s`,
  );
}

run('client pipeline, cut only', client, counting);
run('client pipeline, cut and peek', client, peeking);
run('client pipeline, rename and copy', client, renaming);
run('client pipeline, replies owed', client, owing);
run('server replies, cut only', server, counting);
run('server replies, cut and peek', server, peeking);
run('rows of 110 bytes, cut only', rows, counting);
console.log(`(${seen} seen)`);
