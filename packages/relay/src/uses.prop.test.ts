import { utf8Text } from '@multigres/core';
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import {
  readUses,
  requestCost,
  statementName,
  statementNameBytes,
  useKind,
  usesLength,
  writeStatementName,
  writeUses,
} from './uses.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const use = fc.record({ kind: fc.constantFrom(...Object.values(useKind)), offset: u32, id: u32 });

describe('the uses of a request', () => {
  test.prop([fc.array(use, { maxLength: 300 }), fc.nat(20)])('are read as they were written', (uses, at) => {
    const buffer = new Uint8Array(at + usesLength(uses.length) + 7);
    writeUses(buffer, at, uses);
    expect(readUses(buffer, at, buffer.length)).toEqual(uses);
  });

  test.prop([fc.array(use, { minLength: 1, maxLength: 10 }), fc.nat()])(
    'that are cut off are not read',
    (uses, less) => {
      const buffer = new Uint8Array(usesLength(uses.length));
      writeUses(buffer, 0, uses);
      expect(readUses(buffer, 0, less % buffer.length)).toBeUndefined();
    },
  );

  test.prop([u32])('name a statement by as many bytes as the placeholder has', (number) => {
    const buffer = new Uint8Array(statementNameBytes);
    writeStatementName(buffer, 0, number);
    expect(utf8Text(buffer)).toBe(statementName(number));
  });

  it('are not free: a Parse of a carried statement has no bytes', () => {
    expect(requestCost(3, 10)).toBeGreaterThan(requestCost(2, 10));
    expect(requestCost(0, 10)).toBe(10);
  });
});
