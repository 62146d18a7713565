import { PgError, sqlstate, type Fate } from '@multigres/core';
import { fc, it as property } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { PgctldService } from './gen/multigres/pgctld/v1/pgctld_pb.ts';
import { PoolerService } from './gen/multigres/pooler/v1/pooler_pb.ts';
import { errorOfStatus, rpcCode, statusOfError } from './status.ts';

const { restart, start } = PgctldService.method;
const { getStatus } = PoolerService.method;

const bare = (code: number): { code: number; message: string; details: undefined } => ({
  code,
  message: 'why',
  details: undefined,
});

describe('a PgError as a gRPC status', () => {
  it.each([
    [sqlstate.queryCanceled, rpcCode.cancelled],
    [sqlstate.connectionFailure, rpcCode.unavailable],
    [sqlstate.cannotConnectNow, rpcCode.unavailable],
    [sqlstate.protocolViolation, rpcCode.invalidArgument],
    [sqlstate.featureNotSupported, rpcCode.unimplemented],
    [sqlstate.invalidPassword, rpcCode.unauthenticated],
    [sqlstate.insufficientPrivilege, rpcCode.permissionDenied],
    [sqlstate.invalidCatalogName, rpcCode.notFound],
    [sqlstate.diskFull, rpcCode.resourceExhausted],
    [sqlstate.serializationFailure, rpcCode.aborted],
    [sqlstate.objectNotInPrerequisiteState, rpcCode.failedPrecondition],
    ['MG001', rpcCode.internal],
  ])('%s has the code %i', (state, code) => {
    expect(statusOfError(new PgError({ sqlstate: state, message: 'm' })).code).toBe(code);
  });

  property.prop([
    fc.record({
      sqlstate: fc.stringMatching(/^[0-9A-Z]{5}$/),
      message: fc.string({ unit: 'grapheme', maxLength: 300 }),
      detail: fc.string({ unit: 'grapheme', maxLength: 300 }),
      position: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fate: fc.constantFrom<Fate>('notApplied', 'applied', 'unknown'),
      severity: fc.constantFrom('ERROR' as const, 'FATAL' as const, 'PANIC' as const),
    }),
  ])('comes back with every field and its fate', (init) => {
    const sent = new PgError(init);
    const back = errorOfStatus(restart, statusOfError(sent));
    expect([back.report, back.fate]).toEqual([sent.report, sent.fate]);
  });

  it('fits into headers however long its texts are', () => {
    const texts = {
      message: 'ä'.repeat(9000),
      detail: '\u{1f600}'.repeat(9000),
      hint: 'h'.repeat(9000),
      where: 'w'.repeat(9000),
    };
    const status = statusOfError(new PgError({ sqlstate: '58030', fate: 'unknown', ...texts }));
    expect(status.details?.length).toBeLessThan(6000);
    expect(errorOfStatus(restart, status)).toMatchObject({ sqlstate: '58030', fate: 'unknown' });
  });
});

describe('a gRPC status of another implementation', () => {
  it('that says UNAVAILABLE leaves the fate unknown, unless the method has no side effects', () => {
    expect(errorOfStatus(restart, bare(rpcCode.unavailable))).toMatchObject({ sqlstate: '08006', fate: 'unknown' });
    expect(errorOfStatus(start, bare(rpcCode.unavailable))).toMatchObject({ sqlstate: '08006', fate: 'unknown' });
    expect(errorOfStatus(getStatus, bare(rpcCode.unavailable))).toMatchObject({
      sqlstate: '08006',
      fate: 'notApplied',
    });
  });

  it('that refuses was not applied', () => {
    for (const code of [
      rpcCode.unimplemented,
      rpcCode.unauthenticated,
      rpcCode.permissionDenied,
      rpcCode.invalidArgument,
    ]) {
      expect(errorOfStatus(restart, bare(code)).fate).toBe('notApplied');
    }
  });

  it('that gives up half-way leaves the fate unknown', () => {
    for (const code of [
      rpcCode.unknown,
      rpcCode.internal,
      rpcCode.deadlineExceeded,
      rpcCode.resourceExhausted,
      rpcCode.cancelled,
    ]) {
      expect(errorOfStatus(restart, bare(code)).fate).toBe('unknown');
    }
  });

  it('with details that are no status of ours is judged by its code', () => {
    const status = { ...bare(rpcCode.notFound), details: Uint8Array.of(0xff, 1, 2) };
    expect(errorOfStatus(restart, status)).toMatchObject({ sqlstate: '42704', message: 'why' });
  });
});
