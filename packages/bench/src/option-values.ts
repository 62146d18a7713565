import { InvalidArgumentError } from 'commander';

/** A parser of whole numbers from `min` to `max`. */
export function count(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`"${text}" is not a whole number from ${min} to ${max}.`);
  };
}

/** A parser of lists such as `1,8,64`. */
export function countList(min: number, max: number): (text: string) => number[] {
  return (text) => text.split(',').map(count(min, max));
}

/** Tells people how far it is; standard output is for the report. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** As it was typed. */
export const shownCommand = (): string => ['./mg bench', ...process.argv.slice(2)].join(' ');
