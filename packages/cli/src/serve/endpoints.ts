import { parseEndpoint, type Endpoint } from '@multigres/core';
import { InvalidArgumentError } from 'commander';

const postgresPort = 5432;

/** `PORT` or `HOST:PORT` to listen on. A bare port means loopback: opening it to the network is a decision to be made in so many words. */
export function parseListen(text: string): Endpoint | undefined {
  return /^\d+$/.test(text) ? parseEndpoint(`127.0.0.1:${text}`) : parseEndpoint(text);
}

export function listenEndpoint(text: string): Endpoint {
  const endpoint = parseListen(text);
  if (endpoint === undefined) throw new InvalidArgumentError(`"${text}" is neither PORT nor HOST:PORT.`);
  return endpoint;
}

/** `HOST:PORT`, `HOST`, a socket's path, or the directory that holds Postgres's socket for port 5432. */
export function parsePostgres(text: string): Endpoint | undefined {
  if (text.startsWith('/')) {
    const isSocket = /\/\.s\.PGSQL\.\d+$/.test(text);
    return { kind: 'unix', path: isSocket ? text : `${text.replace(/\/+$/, '')}/.s.PGSQL.${postgresPort}` };
  }
  if (text.startsWith(':')) return undefined;
  return text.includes(':') ? parseEndpoint(text) : parseEndpoint(`${text}:${postgresPort}`);
}

export function postgresEndpoint(text: string): Endpoint {
  const endpoint = parsePostgres(text);
  if (endpoint === undefined)
    throw new InvalidArgumentError(`"${text}" is neither HOST:PORT nor the path of a socket.`);
  return endpoint;
}

/** `HOST:PORT` or a socket's path, for the links between our own processes. */
export function internalEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) throw new InvalidArgumentError(`"${text}" is neither HOST:PORT nor an absolute path.`);
  return endpoint;
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError(`"${text}" is not a positive whole number.`);
  return value;
}
