import { join, type Dice } from './dice.ts';

/** How much is done to a conversation. */
export type Violence = 'none' | 'order' | 'bytes';

/** Where the length of a message stands, and where it starts counting. */
export interface Layout {
  readonly lengthAt: number;
  /** How many bytes of the message the length does not count. */
  readonly uncounted: number;
}

export const tagged: Layout = { lengthAt: 1, uncounted: 1 };
/** Startup packets. */
export const untagged: Layout = { lengthAt: 0, uncounted: 0 };
/** Frames of the relay: the length counts the body only. */
export const framed: Layout = { lengthAt: 8, uncounted: 12 };

/** Messages in another order, twice, left out, or from the middle of each other; or whole and in order. */
export function shuffle(messages: readonly Uint8Array[], dice: Dice): Uint8Array[] {
  const all = [...messages];
  for (let times = dice.size(4); times > 0; times--) {
    const at = dice.below(all.length + 1);
    const other = dice.below(all.length + 1);
    const message = all[at];
    if (message === undefined) continue;
    switch (dice.below(4)) {
      case 0:
        all.splice(at, 1);
        break;
      case 1:
        all.splice(other, 0, message);
        break;
      case 2:
        all.splice(at, 1);
        all.splice(other, 0, message);
        break;
      default:
        all.length = at;
    }
  }
  return all;
}

/** One message with something wrong in it. */
export function damage(message: Uint8Array, layout: Layout, dice: Dice): Uint8Array {
  const hurt = message.slice();
  if (hurt.length <= layout.lengthAt + 4) return dice.bytes(dice.size(64));
  switch (dice.below(8)) {
    case 0: {
      for (let flips = dice.size(8); flips > 0; flips--) {
        const at = dice.below(hurt.length);
        hurt[at] = (hurt[at] as number) ^ (1 << dice.below(8));
      }
      return hurt;
    }
    case 1:
      return withLength(hurt, layout, dice.wrongLength(hurt.length - layout.uncounted));
    case 2:
      hurt[0] = dice.below(256);
      return hurt;
    case 3:
      return hurt.subarray(0, dice.below(hurt.length));
    case 4:
      return join([hurt, dice.bytes(dice.size(64))]);
    case 5: {
      // Shorter or longer, and the length says so: only what is inside is wrong.
      const shorter = hurt.subarray(0, dice.below(hurt.length - layout.lengthAt - 4) + layout.lengthAt + 4);
      const body = dice.chance(0.5) ? shorter : join([hurt, dice.bytes(dice.size(300))]);
      return withLength(body, layout, body.length - layout.uncounted);
    }
    case 6: {
      const at = layout.lengthAt + 4 + dice.below(hurt.length - layout.lengthAt - 4);
      hurt.set(dice.bytes(Math.min(hurt.length - at, dice.size(16))), at);
      return hurt;
    }
    default:
      return dice.bytes(dice.size(200));
  }
}

function withLength(message: Uint8Array, layout: Layout, length: number): Uint8Array {
  const changed = message.slice();
  for (let i = 0; i < 4 && layout.lengthAt + i < changed.length; i++)
    changed[layout.lengthAt + i] = length >>> (24 - 8 * i);
  return changed;
}

/** A conversation as it is to be written: maybe out of order, maybe damaged, cut anywhere. */
export function mutated(messages: readonly Uint8Array[], layout: Layout, violence: Violence, dice: Dice): Uint8Array[] {
  let all = violence === 'none' ? [...messages] : shuffle(messages, dice);
  if (violence === 'bytes') {
    const victim = dice.below(all.length + 1);
    all = all.map((message, i) => (i === victim || dice.chance(0.05) ? damage(message, layout, dice) : message));
  }
  return cut(all, dice);
}

/** The same bytes in pieces: message by message, all in one, byte by byte, or anywhere. */
export function cut(messages: readonly Uint8Array[], dice: Dice): Uint8Array[] {
  const whole = join(messages);
  switch (dice.below(4)) {
    case 0:
      return messages.filter(({ length }) => length > 0);
    case 1:
      return whole.length === 0 ? [] : [whole];
    case 2:
      if (whole.length <= 300) return Array.from(whole, (byte) => Uint8Array.of(byte));
      break;
    default:
  }
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < whole.length;) {
    const end = Math.min(whole.length, at + dice.size(Math.max(16, whole.length / 2)));
    pieces.push(whole.subarray(at, end));
    at = end;
  }
  return pieces;
}
