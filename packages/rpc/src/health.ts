import type { Clock } from '@multigres/core';
import { relayed } from './errors.ts';
import { Health, HealthCheckResponse_ServingStatus as Serving } from './gen/grpc/health/v1/health_pb.ts';
import { Published } from './published.ts';
import { served, type ServedService } from './service.ts';

/** What `grpc.health.v1.Health` says of a service. */
export type HealthState = 'serving' | 'notServing';

const wireState: Readonly<Record<HealthState, Serving>> = { serving: Serving.SERVING, notServing: Serving.NOT_SERVING };

/**
 * The standard health service. The empty name is the server as a whole; it and each name given exist from the start as `notServing`.
 * `Check` refuses other names with NOT_FOUND (42704), `Watch` answers SERVICE_UNKNOWN, as the protocol's documentation asks.
 */
export class HealthReporter {
  readonly service: ServedService;
  readonly #states = new Map<string, Published<Serving>>();

  constructor(clock: Clock, names: readonly string[] = []) {
    const unknown = new Published<Serving>(clock, Serving.SERVICE_UNKNOWN);
    for (const name of ['', ...names]) this.#states.set(name, new Published<Serving>(clock, Serving.NOT_SERVING));
    this.service = served(Health, {
      check: async (request) => {
        const state = this.#states.get(request.service);
        if (state === undefined) throw relayed({ sqlstate: '42704', message: `unknown service "${request.service}"` });
        return { status: state.value };
      },
      watch: (request, context) => statuses((this.#states.get(request.service) ?? unknown).watch(context)),
    });
  }

  /** Says how all services are. */
  set(state: HealthState): void {
    for (const published of this.#states.values()) {
      if (published.value !== wireState[state]) published.set(wireState[state]);
    }
  }
}

async function* statuses(states: AsyncIterable<Serving>): AsyncGenerator<{ status: Serving }, void, undefined> {
  for await (const status of states) yield { status };
}
