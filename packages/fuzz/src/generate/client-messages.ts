import { utf8 } from '@multigres/core';
import {
  encodeBind,
  encodeCancelRequest,
  encodeClose,
  encodeCopyData,
  encodeCopyDone,
  encodeCopyFail,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeFunctionCall,
  encodeGssencRequest,
  encodeParse,
  encodePasswordMessage,
  encodeQuery,
  encodeSslRequest,
  encodeStartupMessage,
  encodeSync,
  encodeTerminate,
  MessageWriter,
} from '@multigres/pgwire';
import type { Dice } from './dice.ts';

export function made(write: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter(256);
  write(writer);
  return writer.take();
}

/** What a client says first. */
export interface Startup {
  readonly user: string;
  readonly database: string;
  readonly parameters?: readonly (readonly [name: string, value: string])[];
}

export function startup({ user, database, parameters = [] }: Startup, minor: number = 0): Uint8Array {
  const all = [['user', user], ['database', database], ...parameters] as const;
  return made((writer) => encodeStartupMessage(writer, { major: 3, minor }, all));
}

/** The packets that may stand before or instead of a StartupMessage. */
export function startupPackets(who: Startup, dice: Dice): Uint8Array[] {
  const packets: Uint8Array[] = [];
  if (dice.chance(0.2)) packets.push(made((writer) => encodeSslRequest(writer)));
  if (dice.chance(0.2)) packets.push(made((writer) => encodeGssencRequest(writer)));
  if (dice.chance(0.1)) packets.push(made((writer) => encodeCancelRequest(writer, dice.below(2 ** 31), dice.bytes(4))));
  const more = [
    ['application_name', 'fuzz'],
    ['options', '-c work_mem=1MB'],
    ['_pq_.unknown', '1'],
    ['replication', dice.pick(['database', 'true', 'false', 'maybe'])],
    ['client_encoding', 'UTF8'],
  ] as const;
  const parameters = dice.chance(0.3) ? [dice.pick(more)] : [];
  packets.push(startup({ ...who, parameters }, dice.chance(0.8) ? 0 : dice.below(10)));
  return packets;
}

const names = ['', 'a', 'b', 'c', 'mg00000001', 'x'.repeat(80)] as const;

/** Statements whose effect ends with their session; `texts` knows what the server behind can do. */
export interface Texts {
  readonly reads: readonly string[];
  readonly others: readonly string[];
  readonly copyIn: string;
  readonly copyOut: string;
}

/** A conversation that a client might have: some of it right. */
export function conversation(texts: Texts, dice: Dice): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let turns = dice.size(12); turns > 0; turns--) messages.push(...turn(texts, dice));
  if (dice.chance(0.3)) messages.push(made((writer) => encodeTerminate(writer)));
  return messages;
}

function turn(texts: Texts, dice: Dice): Uint8Array[] {
  const text = (): string => (dice.chance(0.7) ? dice.pick(texts.reads) : dice.pick(texts.others));
  switch (dice.below(9)) {
    case 0:
    case 1:
      return [made((writer) => encodeQuery(writer, text()))];
    case 2:
    case 3:
      return extended(text(), dice);
    case 4:
      return copyIn(texts, dice);
    case 5:
      return [made((writer) => encodeQuery(writer, texts.copyOut))];
    case 6:
      return [made((writer) => encodeQuery(writer, `${text()}; ${text()}`))];
    case 7:
      return [
        made((writer) =>
          encodeFunctionCall(writer, {
            functionOid: dice.below(5000),
            argumentFormats: [],
            arguments: ['4'],
            resultFormat: 0,
          }),
        ),
      ];
    default:
      return [large(dice)];
  }
}

function extended(text: string, dice: Dice): Uint8Array[] {
  const name = dice.pick(names);
  const portal = dice.pick(names);
  const parameters = Array.from({ length: dice.below(3) }, () =>
    dice.chance(0.2) ? null : 'v'.repeat(dice.size(3000)),
  );
  const steps = [
    made((writer) => encodeParse(writer, name, text, dice.chance(0.2) ? [25] : [])),
    made((writer) => encodeBind(writer, { portal, statement: name, parameters })),
    made((writer) => encodeDescribe(writer, dice.pick(['statement', 'portal']), dice.pick(names))),
    made((writer) => encodeExecute(writer, portal, dice.below(3))),
    made((writer) => encodeClose(writer, dice.pick(['statement', 'portal']), dice.pick(names))),
    made((writer) => encodeFlush(writer)),
  ].filter(() => dice.chance(0.8));
  if (dice.chance(0.9)) steps.push(made((writer) => encodeSync(writer)));
  return steps;
}

function copyIn({ copyIn: text }: Texts, dice: Dice): Uint8Array[] {
  const messages = [made((writer) => encodeQuery(writer, text))];
  for (let rows = dice.size(6); rows > 0; rows--)
    messages.push(made((writer) => encodeCopyData(writer, utf8('1\n'.repeat(dice.size(2000))))));
  if (dice.chance(0.9))
    messages.push(dice.chance(0.8) ? made(encodeCopyDone) : made((writer) => encodeCopyFail(writer, 'no')));
  return messages;
}

/** A message that is too long to be held whole, now and then. */
function large(dice: Dice): Uint8Array {
  const length = dice.chance(0.9) ? 3000 : 1_200_000;
  return dice.chance(0.5)
    ? made((writer) => encodeQuery(writer, `select '${'l'.repeat(length)}'`))
    : made((writer) => encodePasswordMessage(writer, 'p'.repeat(100)));
}
