/** Whether a message that has no body indeed has none. */
export function isBare(start: number, end: number): boolean {
  return end - start === 5;
}
