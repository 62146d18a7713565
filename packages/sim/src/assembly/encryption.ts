import { toyMaterial, type TlsContext, type World } from '@multigres/core';
import type { GatewayTls } from '@multigres/gateway';
import type { PostgresTls } from '@multigres/pooler';
import type { Weather } from '../world/weather.ts';
import { authority, gatewayName } from '../workload/way.ts';

interface ContextSource {
  readonly context: () => TlsContext;
}

/** A certificate of the cluster's authority, for this name, which trusts that authority. */
function contextOf(world: World, name: string): ContextSource {
  const certificate = { commonName: name, names: [name], issuer: authority };
  const context = world.network.tlsContext(toyMaterial(certificate, [authority]));
  return { context: () => context };
}

/** What a gateway offers its clients. */
export function clientTls(world: World): { readonly tls: GatewayTls } {
  return { tls: { mode: 'allow', ...contextOf(world, gatewayName) } };
}

/** How the nodes of one cluster speak with each other: in most runs in clear. */
export interface InnerEncryption {
  readonly relay: boolean;
  /** The model of Postgres has no TLS: its no has to be taken. */
  readonly askPostgres: boolean;
}

export function drawInnerEncryption(weather: Weather): InnerEncryption {
  const random = weather.kernel.random.fork('inner encryption');
  return { relay: random.chance(0.3), askPostgres: random.chance(0.3) };
}

export function relayTls(
  { relay }: InnerEncryption,
  world: World,
  name: string,
): { readonly relayTls?: ContextSource } {
  return relay ? { relayTls: contextOf(world, name) } : {};
}

export function postgresTls({ askPostgres }: InnerEncryption, world: World): { readonly postgresTls?: PostgresTls } {
  return askPostgres ? { postgresTls: { mode: 'prefer', ...contextOf(world, 'pooler') } } : {};
}
