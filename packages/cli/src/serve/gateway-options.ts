import { defaultConsoleConfig, defaultGatewayLimits, type ConsoleConfig, type GatewayConfig } from '@multigres/gateway';
import { descriptorsMax } from '@multigres/host';
import { defaultPoolerLimits } from '@multigres/pooler';
import { authPolicy } from './auth-options.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import { listenEndpoint } from './endpoints.ts';
import { sessionsThatFit } from './descriptors.ts';
import { given } from './settings.ts';

const defaultListen = '6432';

/** `defaultMethod`: how clients log in if nobody says. */
export function gatewayConfig(id: string, settings: ConfigFile, defaultMethod: 'trust' | 'scram'): GatewayConfig {
  const { limits, timeouts, pool } = settings;
  return {
    id,
    listen: [settings.gateway.listen ?? listenEndpoint(defaultListen)],
    auth: authPolicy(settings, defaultMethod),
    log: { connections: settings.log.connections ?? false, slowMs: settings.log.slowStatement || Infinity },
    console: consoleConfig(settings),
    limits: {
      ...defaultGatewayLimits,
      ...given({
        wholeMessageBytesMax: limits.wholeMessageBytesMax,
        statementsMax: limits.statementsMax,
        bufferSessionsMax: limits.bufferSessionsMax,
        bufferBytesMax: limits.bufferBytesMax,
        replicaLagBytesMax: limits.replicaLagBytesMax,
        idleSessionMs: timeouts.idleSessionTimeout,
        idleInTransactionMs: timeouts.idleInTransactionSessionTimeout,
        statementMs: timeouts.statementTimeout,
        transactionMs: timeouts.transactionTimeout,
        verifierMs: settings.auth.verifierCache,
        loginMs: timeouts.loginTimeout,
        poolerWaitMs: timeouts.poolerWaitTimeout,
      }),
      sessionsMax: sessionsThatFit(
        limits.sessionsMax ?? defaultGatewayLimits.sessionsMax,
        descriptorsMax(),
        pool.backendsMax ?? defaultPoolerLimits.backendsMax,
      ),
    },
  };
}

function consoleConfig({
  console: { enabled, database, users, statsUsers, trustedFrom },
}: ConfigFile): ConsoleConfig | false {
  if (enabled === false) return false;
  return {
    ...defaultConsoleConfig,
    ...given({ database, users, statsUsers, trustAnywhere: trustedFrom && trustedFrom === 'anywhere' }),
  };
}

const defaultDrainMs = 30_000;

export function drainMs({ timeouts }: ConfigFile): number {
  return timeouts.drainTimeout ?? defaultDrainMs;
}
