import type { World } from '@multigres/core';
import { defaultGatewayLimits, type AuthPolicy, type GatewayConfig } from '@multigres/gateway';
import { CliError } from '../errors.ts';
import { readAuthFile } from './auth-options.ts';
import type { ConfigFile } from './config-file/config-file.ts';
import { listenEndpoint } from './endpoints.ts';
import { given } from './settings.ts';

const defaultListen = '6432';

/** `defaultMethod`: how clients log in if nobody says. */
export function gatewayConfig(
  id: string,
  settings: ConfigFile,
  defaultMethod: 'trust' | 'scram',
  world: World,
): GatewayConfig {
  const { limits, timeouts } = settings;
  return {
    id,
    listen: [settings.gateway.listen ?? listenEndpoint(defaultListen)],
    auth: authPolicy(settings, defaultMethod, world),
    limits: {
      ...defaultGatewayLimits,
      ...given({
        sessionsMax: limits.sessionsMax,
        wholeMessageBytesMax: limits.wholeMessageBytesMax,
        statementsMax: limits.statementsMax,
        loginMs: timeouts.loginTimeout,
        poolerWaitMs: timeouts.poolerWaitTimeout,
      }),
    },
  };
}

function authPolicy({ auth }: ConfigFile, defaultMethod: 'trust' | 'scram', world: World): AuthPolicy {
  const { usersFile, method } = auth;
  if (usersFile === undefined) return { kind: method ?? defaultMethod };
  if (method === 'trust')
    throw new CliError('a file of users is of no use when nobody is asked for a password', {
      hint: 'Leave out the method trust, or the file.',
    });
  return readAuthFile(usersFile, world.random);
}
