import { SendWindow, ReceiveWindow } from '@multigres/relay';
import type { PoolerClient } from '../route/pooler-client.ts';
import type { StatementUse } from './request-builder.ts';

/** One of a session's channels, with what may be under way on it. */
export interface Place {
  readonly pooler: PoolerClient;
  /** 0: it has none. */
  readonly channel: number;
  readonly sendWindow: SendWindow;
  readonly receiveWindow: ReceiveWindow;
}

/** A part of a group, kept because it may have to be said again somewhere else. */
export interface Piece {
  readonly flags: number;
  readonly count: number;
  readonly uses: readonly StatementUse[];
  readonly bytes: Uint8Array;
}

export function newPlace(pooler: PoolerClient, channel: number): Place {
  return { pooler, channel, sendWindow: new SendWindow(), receiveWindow: new ReceiveWindow() };
}
