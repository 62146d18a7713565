import type { Endpoint } from '@multigres/core';
import { parseListen } from '../../endpoints.ts';
import type { Section } from '../section.ts';
import { count, endpoint, fixed } from '../setting.ts';

/** `[gateway]`: where clients connect. */
export interface GatewaySection {
  /** `PORT` (on loopback), `HOST:PORT` or a socket's path. */
  readonly listen?: Endpoint;
  /** Processes that take connections on that port; Linux only. */
  readonly workers?: number;
}

export const gatewaySection: Section<GatewaySection> = {
  listen: fixed(endpoint(parseListen, '"PORT" (on loopback), "HOST:PORT" or the absolute path of a Unix socket')),
  workers: fixed(count(1, 256)),
};
