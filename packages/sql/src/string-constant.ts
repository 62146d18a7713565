/**
 * The value as a string constant in ASCII that means the same whatever standard_conforming_strings and client_encoding say at that moment
 * (PostgreSQL documentation, "String Constants with C-Style Escapes"; `\U` needs a database in UTF8 or one that has the letter).
 */
export function stringConstant(value: string): string {
  return `E'${value.replace(/['\\]/g, '$&$&').replace(/[^ -~]/gu, escapedPoint)}'`;
}

function escapedPoint(letter: string): string {
  return `\\U${(letter.codePointAt(0) as number).toString(16).padStart(8, '0')}`;
}
