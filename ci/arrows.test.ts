import { describe, expect, test } from 'vitest';
import { places } from './arrow-table.ts';
import { arrows } from './arrows.ts';
import { formatFinding } from './finding.ts';

const rolePackages = Object.keys(places).filter((name) => places[name]?.layer === 'role');

/** What the check says of one file with this text. */
const verdict = (path: string, text: string): string[] => arrows([{ path, text }]).map(formatFinding);

describe.each(rolePackages)('in the role %s', (role) => {
  const file = `packages/${role}/src/planted.ts`;

  test('a socket of its own is refused, with the port to use instead', () => {
    expect(verdict(file, "// first line\nimport net from 'node:net';\n")).toEqual([
      `${file}:2: arrows: ${role} imports node:net; sockets come from World.network (core/world/network.ts), the real one lives in host`,
    ]);
  });

  test('the disguises of an import are seen through', () => {
    expect(verdict(file, "const net = await import('node:net');")).toHaveLength(1);
    expect(verdict(file, "const name = 'node:net'; await import(name);")).toHaveLength(1);
    expect(verdict(file, "export * from 'node:net';")).toHaveLength(1);
    expect(verdict(file, "import net from 'net';")).toHaveLength(1);
    expect(verdict(file, "const net = require('node:net');")).toHaveLength(1);
    expect(verdict(file, "type Socket = import('node:net').Socket;")).toHaveLength(1);
    expect(verdict(file, '/** import net from "node:net" */ const text = `import net from "node:net"`;')).toEqual([]);
  });

  test('the other roles and the worlds are refused', () => {
    for (const other of [...rolePackages, 'host', 'sim', 'cli', 'bench'].filter((name) => name !== role)) {
      expect(verdict(file, `import { x } from '@multigres/${other}';`)).toHaveLength(1);
    }
  });
});

test.each([
  ['packages/core/src/x.ts', "import { x } from '@multigres/rpc';", 'core is the ground'],
  ['packages/core/src/x.ts', "import pino from 'pino';", 'libraries with I/O belong in host'],
  ['packages/sql/src/x.ts', "import { x } from '@multigres/pgwire';", 'knowledge stands on core alone'],
  ['packages/host/src/x.ts', "import { x } from '@multigres/pooler';", 'assemblies live in cli'],
  ['packages/cli/src/x.ts', "import { x } from '@multigres/bench';", 'edges never import each other'],
  ['packages/bench/src/x.ts', "import { x } from '@multigres/cli';", 'edges never import each other'],
  ['packages/pooler/src/x.ts', "import { x } from '@multigres/core/src/base/lsn.ts';", 'reaches into another package'],
  ['packages/pooler/src/x.ts', "import { x } from '../../core/src/index.ts';", 'leaves the package'],
  ['packages/pooler/src/x.ts', "import { x } from '/tmp/x.ts';", 'leaves the package'],
  ['packages/pooler/src/x.ts', "import { x } from '@multigres/core/quiet';", 'is for tests'],
  ['packages/pooler/src/x.ts', "import { x } from '@multigres/pooler';", 'relative path'],
  ['packages/pooler/src/pool.machine.ts', "import type { World } from '@multigres/core';", 'a machine imports World'],
  ['packages/pooler/src/x.test.ts', "import { Client } from 'pg';", 'allowed one by one'],
  ['packages/sim/src/world/x.ts', "import fs from 'node:fs';", 'World.disk'],
  ['packages/attic/src/x.ts', '', 'no place in the picture'],
])('%s: %s', (path, text, part) => {
  const said = verdict(path, text);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain(part);
});

test('what the picture allows is allowed', () => {
  expect(
    verdict('packages/gateway/src/x.ts', "import { x } from '@multigres/relay'; import { y } from './y.ts';"),
  ).toEqual([]);
  expect(verdict('packages/sim/src/cluster.ts', "import { x } from '@multigres/pooler';")).toEqual([]);
  expect(verdict('packages/sim/src/main.ts', "import fs from 'node:fs';")).toEqual([]);
  expect(verdict('packages/cli/src/x.ts', "import fs from 'node:fs'; import { y } from '@multigres/gateway';")).toEqual(
    [],
  );
  expect(verdict('packages/topology/src/x.ts', "import { x } from '@multigres/rpc';")).toEqual([]);
});

test('tests may use test libraries, tests beside a real Postgres the real world', () => {
  const pooler = 'packages/pooler/src/x';
  expect(verdict(`${pooler}.test.ts`, "import 'vitest'; import { q } from '@multigres/core/quiet';")).toEqual([]);
  expect(verdict(`${pooler}.pg.test.ts`, "import 'node:net'; import '@multigres/host';")).toEqual([]);
});
