import { poolerKnobs, type ClusterSpec } from './cluster.ts';
import { checkedPlan, type ActionKind, type Plan } from './fault/plan.ts';
import { shape, type Fields } from './fault/shape.ts';
import { workloads, type Workload } from './workload/user.ts';

/** A failure, or a whole kind of weather, as data: a file in `scenarios/`. */
export interface Scenario {
  /** Its path in `scenarios/` without the ending: `pooling/weather`. */
  readonly name: string;
  readonly title: string;
  readonly cluster: ClusterSpec;
  /** How many users, drawn between these two. */
  readonly users: readonly [least: number, most: number];
  /** What they do; everything unless told otherwise. `crowd`: short shareable reads in great number, and cancels. `fair`: short reads and transactions without pins. `writes`: mostly those. */
  readonly workload?: Workload;
  /** Faults to draw from; with a fixed plan none are drawn. */
  readonly faults: readonly ActionKind[];
  readonly plan?: Plan;
  /** Several fixed plans, of which each seed takes one. */
  readonly plans?: readonly Plan[];
  readonly fromMs: number;
  readonly healMs: number;
  /** Users begin nothing new after this. */
  readonly endMs: number;
  /** A quorum can talk to each other all the time: nobody's write may be acknowledged for this long at most. */
  readonly progressMs?: number;
  /** Replayed by CI with this seed: a bug of the past. */
  readonly seed?: number;
}

const workload: Fields[string] = (value) =>
  workloads.some((name) => name === value) ? undefined : `must be one of ${workloads.join(', ')}`;

const choice: Fields[string] = (value) =>
  Array.isArray(value) && value.length > 0 && shape.list(shape.number)(value) === undefined
    ? undefined
    : 'must be a list of numbers';

const shardShapes: Fields = {
  members: shape.number,
  orchestrators: shape.number,
  policy: shape.any,
  againShares: choice,
  clocks: shape.text,
  ballotsMax: shape.number,
};

function checkShard(shard: object, where: string): void {
  const named = Object.entries(shardShapes).filter(([name]) => name in shard);
  const fields = shape.object(shard, where, Object.fromEntries(named));
  if ('policy' in fields) shape.object(fields['policy'], `${where}, policy`, { name: shape.text, n: shape.number });
}

/** A scenario from the text of its file. Throws an Error that says what is wrong with it. */
export function parseScenario(name: string, text: string): Scenario {
  const where = `scenario ${name}`;
  const given = JSON.parse(text) as Record<string, unknown>;
  const optional = Object.fromEntries(
    ['plan', 'plans', 'seed'].filter((key) => key in given).map((key) => [key, shape.any]),
  );
  if ('progressMs' in given) optional['progressMs'] = shape.number;
  if ('workload' in given) optional['workload'] = workload;
  const fields = shape.object(given, where, {
    title: shape.text,
    cluster: shape.any,
    users: shape.list(shape.number),
    faults: shape.list(shape.text),
    fromMs: shape.number,
    healMs: shape.number,
    endMs: shape.number,
    ...optional,
  });
  const plans = [...('plan' in given ? [given['plan']] : []), ...((given['plans'] as unknown[] | undefined) ?? [])];
  for (const plan of plans) checkedPlan(plan);
  const cluster = fields['cluster'] as Record<string, unknown>;
  const pooler = 'pooler' in cluster ? { pooler: shape.any } : {};
  const gateway = 'gateway' in cluster ? { gateway: shape.any } : {};
  const shard = 'shard' in cluster ? { shard: shape.any } : {};
  shape.object(cluster, `${where}, cluster`, {
    kind: shape.text,
    gateways: shape.number,
    ...pooler,
    ...gateway,
    ...shard,
  });
  if ('shard' in cluster) checkShard(cluster['shard'] as object, `${where}, shard`);
  if ('gateway' in cluster) {
    const limits = { idleSessionMs: shape.number, idleInTransactionMs: shape.number };
    shape.object(cluster['gateway'], `${where}, gateway`, limits);
  }
  if ('pooler' in cluster) {
    const named = Object.keys(cluster['pooler'] as object);
    const knobs = poolerKnobs.filter((knob) => named.includes(knob)).map((knob) => [knob, choice] as const);
    shape.object(cluster['pooler'], `${where}, pooler`, Object.fromEntries(knobs));
  }
  return { name, ...(fields as unknown as Omit<Scenario, 'name'>) };
}
