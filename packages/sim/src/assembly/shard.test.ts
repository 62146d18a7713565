import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { assembleCluster, prepareModels } from '../assemble.ts';
import { runTwice } from '../explore/run-twice.ts';
import { runOnce } from '../run.ts';
import { parseScenario, type Scenario } from '../scenario.ts';

beforeAll(prepareModels);

const root = fileURLToPath(new URL('../../../../scenarios/', import.meta.url));

function scenarioNamed(name: string): Scenario {
  return parseScenario(name, readFileSync(`${root}${name}.json`, 'utf8'));
}

describe('a whole shard in the simulator', () => {
  it('is made by its orchestrators and serves, without anybody being replaced', async () => {
    const result = await runOnce(assembleCluster, { scenario: scenarioNamed('failover/calm'), seed: 1 });
    expect(result.failures).toEqual([]);
    expect(result.acknowledgedWrites).toBeGreaterThan(10);
    expect(result.coverage['call/Promote asked']).toBeUndefined();
  });

  it('loses nothing when its leader is lost, and lives the same life twice', async () => {
    const result = await runTwice(assembleCluster, { scenario: scenarioNamed('failover/late-standby'), seed: 1 });
    expect(result.failures).toEqual([]);
    expect(result.coverage['call/Promote answered']).toBeGreaterThan(0);
  });
});
