const headerBytes = 5;

/**
 * Whether what is complete may change what prepared statements answer: ALTER and DROP of anything, CREATE (OR REPLACE) of what statements read through. That is only to be
 * early: who binds a stale statement is told by Postgres.
 */
export function isDdl(buffer: Uint8Array, start: number): boolean {
  const at = start + headerBytes;
  switch (((buffer[at] as number) << 8) | (buffer[at + 1] as number)) {
    case 0x414c:
    case 0x4452:
      return true;
    case 0x4352: {
      const what = buffer[at + 7];
      return what === 0x56 || what === 0x46 || what === 0x52;
    }
    default:
      return false;
  }
}
