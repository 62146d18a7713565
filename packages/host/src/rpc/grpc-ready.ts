import { connectivityState, type Client } from '@grpc/grpc-js';

export type Readiness = 'ready' | 'refused' | 'timeout' | 'closed';

/**
 * Connects if need be, and answers when there is a connection, when an attempt has just failed, or after about `limitMs`. Without this step a
 * call that never left could not be told from one whose connection broke: grpc-js answers UNAVAILABLE to both.
 */
export async function whenReady(client: Client, limitMs: number): Promise<Readiness> {
  const deadline = Date.now() + limitMs + 1;
  const channel = client.getChannel();
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return 'ready';
    if (state === connectivityState.TRANSIENT_FAILURE) return 'refused';
    if (state === connectivityState.SHUTDOWN) return 'closed';
    const changed = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadline, (error) => resolve(error === undefined || error === null));
    });
    if (!changed) return channel.getConnectivityState(false) === connectivityState.SHUTDOWN ? 'closed' : 'timeout';
  }
}
