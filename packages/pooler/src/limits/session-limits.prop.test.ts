import { fc, it } from '@fast-check/vitest';
import { PgError } from '@multigres/core';
import { expect } from 'vitest';
import { SessionLimits, type Admission } from './session-limits.ts';
import { noShares } from './shares.ts';

const names = fc.constantFrom('a', 'b', 'c');
const steps = fc.array(fc.oneof(fc.record({ user: names, database: names }), fc.record({ leaves: fc.nat() })));

it.prop([steps, fc.nat(3), fc.nat(4)])(
  'sessions are let in exactly while there is room for their user and their database',
  (walk, userMax, databaseMax) => {
    const shares = { ...noShares, anyUser: { sessionsMax: userMax }, anyDatabase: { sessionsMax: databaseMax } };
    const limits = new SessionLimits(shares);
    const inside: { readonly user: string; readonly database: string; readonly admission: Admission }[] = [];
    for (const step of walk) {
      if ('leaves' in step) {
        const [left] = inside.splice(step.leaves % (inside.length + 1), 1);
        if (left !== undefined) limits.leave(left.admission);
        continue;
      }
      const count = (key: 'user' | 'database'): number => inside.filter((one) => one[key] === step[key]).length;
      const hasRoom = count('user') < userMax && count('database') < databaseMax;
      const admission = limits.enter(step.user, step.database);
      expect(admission instanceof PgError).toBe(!hasRoom);
      if (!(admission instanceof PgError)) inside.push({ ...step, admission });
    }
    for (const { admission } of inside) limits.leave(admission);
    for (const name of ['a', 'b', 'c'])
      expect([limits.sessionsOfUser(name), limits.sessionsOfDatabase(name)]).toEqual([0, 0]);
  },
);
