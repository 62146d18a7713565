import { expect, test } from 'vitest';
import { connectionString } from './connection-string.ts';
import { durationText } from './duration-text.ts';
import type { ClusterRecord } from './record.ts';

const record = (host: string, auth: 'scram' | 'trust' = 'scram'): ClusterRecord => ({
  format: 2,
  clusterId: 'c',
  auth,
  etcds: [],
  cells: [],
  nodes: [],
  orchestrators: [],
  gateways: [
    { name: 'gateway-1', cell: 'zone1', host, port: 15_432 },
    { name: 'gateway-2', cell: 'zone2', host, port: 15_433 },
  ],
});

test.each([
  [record('127.0.0.1'), 'pw', 'postgresql://postgres:pw@127.0.0.1:15432/postgres'],
  [record('127.0.0.1'), undefined, 'postgresql://postgres@127.0.0.1:15432/postgres'],
  [record('127.0.0.1', 'trust'), 'pw', 'postgresql://postgres@127.0.0.1:15432/postgres'],
  [record('0.0.0.0'), undefined, 'postgresql://postgres@127.0.0.1:15432/postgres'],
  [record('::1'), 'a/b', 'postgresql://postgres:a%2Fb@[::1]:15432/postgres'],
])('%j with password %s is dialled as %s', (cluster, password, string) => {
  expect(connectionString(cluster, password)).toBe(string);
});

test.each([
  [-5, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [7_200_000, '2 h'],
  [200_000_000, '2 d'],
])('%i ms ago reads %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
