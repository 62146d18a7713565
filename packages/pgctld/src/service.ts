import { endpointOf, PgctldService, StopMode, served, type ServedService, type Source } from '@multigres/rpc';
import type { SourceEndpoint } from './conninfo.ts';
import { malformedSource } from './errors.ts';
import { defaultInit } from './initialize.ts';
import type { Force } from './lifecycle-state.ts';
import type { PostgresHands } from './pgctld.ts';

function forceOf(mode: StopMode): Force {
  if (mode === StopMode.SMART) return 'smart';
  return mode === StopMode.IMMEDIATE ? 'immediate' : 'fast';
}

function sourceOf(source: Source | undefined): SourceEndpoint {
  const endpoint = endpointOf(source?.endpoint);
  if (endpoint?.kind !== 'tcp') throw malformedSource();
  return endpoint;
}

/** PgctldService over the hands: each call does, then tells how it is. */
export function pgctldService(hands: PostgresHands): ServedService {
  return served(PgctldService, {
    async initDb(request) {
      const created = await hands.initDb({
        superuser: request.superuser || defaultInit.superuser,
        encoding: request.encoding || defaultInit.encoding,
        locale: request.locale || undefined,
        incarnation: request.incarnation || undefined,
      });
      return { created, status: await hands.status() };
    },
    async start(request) {
      await hands.start({ standby: request.standby });
      return { status: await hands.status() };
    },
    async stop(request) {
      await hands.stop(forceOf(request.mode));
      return { status: await hands.status() };
    },
    async restart(request) {
      await hands.restart(forceOf(request.mode));
      return { status: await hands.status() };
    },
    async reload() {
      await hands.reload();
      return { status: await hands.status() };
    },
    async promote() {
      await hands.promote();
      return { status: await hands.status() };
    },
    async rewind(request) {
      const { divergence, unchanged } = await hands.rewind(sourceOf(request.source));
      const { timeline = 0, lsn = 0n } = divergence ?? {};
      return { status: await hands.status(), timeline, divergedLsn: lsn, unchanged };
    },
    async clone(request) {
      await hands.clone({
        source: sourceOf(request.source),
        incarnation: request.incarnation || undefined,
        systemIdentifier: request.systemIdentifier || undefined,
      });
      return { status: await hands.status() };
    },
    async getStatus() {
      return { status: await hands.status() };
    },
  });
}
