import { InvalidArgumentError } from 'commander';

/** A parser for options that are whole numbers within bounds, both included. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A parser for options that are paths which must not depend on where the command runs. */
export function absolutePath(text: string): string {
  if (!text.startsWith('/')) throw new InvalidArgumentError('Give an absolute path.');
  return text;
}
