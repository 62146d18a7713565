import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { explainRegister, type RegisterOp } from './register-history.ts';

/** All at different moments, so that nobody has to be given the benefit of the doubt. */
const histories = fc.integer({ min: 1, max: 5 }).chain((count) =>
  fc
    .tuple(
      fc.shuffledSubarray(
        Array.from({ length: 2 * count }, (_, i) => i),
        { minLength: 2 * count },
      ),
      fc.array(
        fc.record({
          kind: fc.constantFrom('write', 'read'),
          outcome: fc.constantFrom('ok', 'failed', 'unknown'),
          sees: fc.integer({ min: -1, max: count - 1 }),
        }),
        { minLength: count, maxLength: count },
      ),
    )
    .map(([moments, drawn]) =>
      drawn.map(({ kind, outcome, sees }, i): RegisterOp => {
        const [one, other] = [moments[2 * i] as number, moments[2 * i + 1] as number];
        const times = { beganMs: Math.min(one, other), endedMs: Math.max(one, other), client: `c${i}` };
        if (kind === 'write') return { kind, value: `v${i}`, outcome, ...times };
        return { kind: 'read', value: sees < 0 ? undefined : `v${sees}`, ...times };
      }),
    ),
);

/** Tries every order of every choice of what took effect. */
function isExplainedByForce(history: readonly RegisterOp[]): boolean {
  const place = (value: string | undefined, left: readonly RegisterOp[]): boolean => {
    if (left.every((op) => op.kind === 'write' && op.outcome !== 'ok')) return true;
    return left.some((op, i) => {
      // Whoever has ended before this one began comes first, if it took effect at all.
      const isMandatory = (other: RegisterOp): boolean =>
        other.endedMs < op.beganMs && (other.kind === 'read' || other.outcome === 'ok');
      if (op.kind === 'write' && op.outcome === 'failed') return false;
      if (left.some(isMandatory)) return false;
      if (op.kind === 'read' && op.value !== value) return false;
      return place(op.kind === 'write' ? op.value : value, left.toSpliced(i, 1));
    });
  };
  return place(undefined, history);
}

test.prop([histories], { numRuns: 2000 })('finds an order if and only if there is one', (history) => {
  expect(explainRegister('k', history) === undefined).toBe(isExplainedByForce(history));
});
