import { encodeQuery, encodeSync } from '@multigres/pgwire';
import {
  BodyWriter,
  encodeDefine,
  encodeHello,
  encodeOpen,
  encodeOpened,
  FrameWriter,
  frameType,
  protocolVersion,
} from '@multigres/relay';
import { made } from './client-messages.ts';
import type { Dice } from './dice.ts';

function frame(session: number, type: number, flags: number, count: number, body: Uint8Array): Uint8Array {
  const writer = new FrameWriter();
  writer.frame(session, type as never, flags, count, body);
  return writer.take().slice();
}

const u32 = (value: number): Uint8Array => new BodyWriter().u32(value).done();

export function hello(dice: Dice): Uint8Array {
  const version = dice.chance(0.95) ? protocolVersion : dice.below(10);
  return frame(0, frameType.hello, 0, 0, encodeHello({ version, id: 'fuzz' }));
}

/** What a gateway says to a pooler, more or less. */
export function gatewayFrames(user: string, dice: Dice): Uint8Array[] {
  const frames = [hello(dice)];
  for (let count = dice.size(20); count > 0; count--) frames.push(gatewayFrame(user, dice));
  return frames;
}

function gatewayFrame(user: string, dice: Dice): Uint8Array {
  const session = dice.below(4);
  const types = frameType;
  switch (dice.below(10)) {
    case 0:
    case 1: {
      const replication = dice.chance(0.9) ? 'none' : dice.pick(['physical', 'logical'] as const);
      const at = dice.pick(['leader', 'follower'] as const);
      const open = { user, database: 'd', settings: [], credentials: { kind: 'none' }, replication, at } as const;
      return frame(session, types.open, 0, 0, encodeOpen(open));
    }
    case 2:
    case 3: {
      const text = dice.chance(0.9) ? made((writer) => encodeQuery(writer, 'select 1')) : made(encodeSync);
      const uses = dice.chance(0.8) ? Uint8Array.of(0, 0) : dice.bytes(2 + 9 * dice.below(4));
      const body = new Uint8Array(uses.length + text.length);
      body.set(uses);
      body.set(text, uses.length);
      return frame(session, types.request, dice.chance(0.5) ? 17 : dice.below(256), dice.below(2), body);
    }
    case 4:
      return frame(0, types.define, 0, 0, encodeDefine({ id: dice.below(5), query: 'select $1', parameterTypes: [] }));
    case 5:
      return frame(dice.chance(0.5) ? 0 : session, types.forget, 0, 0, u32(dice.below(5)));
    case 6:
      return frame(session, types.credit, 0, 0, u32(dice.below(2 ** 32)));
    case 7:
      return frame(
        session,
        dice.pick([types.pin, types.settings, types.settled]),
        0,
        0,
        dice.chance(0.5) ? u32(dice.below(2 ** 14)) : new BodyWriter().text('set x').done(),
      );
    case 8:
      return frame(session, dice.pick([types.cancel, types.close, types.ping, types.pong]), 0, 0, new Uint8Array(0));
    default:
      return frame(session, dice.below(64), dice.below(256), dice.below(65_536), dice.bytes(dice.below(40)));
  }
}

/** What a pooler says to a gateway, more or less. */
export function poolerFrame(session: number, dice: Dice): Uint8Array {
  const types = frameType;
  switch (dice.below(6)) {
    case 0:
      return frame(session, types.opened, 0, 0, encodeOpened({ parameters: [['TimeZone', 'UTC']] }));
    case 1:
    case 2:
      return frame(
        session,
        types.reply,
        dice.below(256),
        dice.below(4),
        dice.chance(0.5) ? Uint8Array.of(0x5a, 0, 0, 0, 5, 0x49) : dice.bytes(dice.size(300)),
      );
    case 3:
      return frame(session, types.credit, 0, 0, u32(dice.below(2 ** 32)));
    case 4:
      return frame(dice.chance(0.5) ? 0 : session, types.ended, 0, 0, dice.bytes(dice.below(60)));
    default:
      return frame(session, dice.below(64), dice.below(256), dice.below(65_536), dice.bytes(dice.below(40)));
  }
}
