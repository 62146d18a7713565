import { quietWorld } from '@multigres/core/quiet';
import { Dice } from '../generate/dice.ts';

/** The same seed, the same dice; what they are used for in the real world depends on the moment all the same. */
export function seededDice(seed: string): Dice {
  return new Dice(quietWorld({ seed }).random.fork('fuzz'));
}
