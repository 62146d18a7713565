import type { MetricFamily, Sample } from '@multigres/core';

/**
 * The metrics of several processes as if they were one: series with equal labels are added up, so that totals of workers are totals. What must
 * stay apart (memory, CPU) carries the label `process`.
 */
export function mergeFamilies(parts: readonly (readonly MetricFamily[])[]): readonly MetricFamily[] {
  const byName = new Map<string, { readonly first: MetricFamily; readonly samples: Map<string, Sample> }>();
  for (const family of parts.flat()) {
    let merged = byName.get(family.name);
    if (merged === undefined) {
      merged = { first: family, samples: new Map() };
      byName.set(family.name, merged);
    }
    // Two versions side by side during an upgrade: what does not fit is left out rather than falsified.
    if (merged.first.type !== family.type) continue;
    for (const sample of family.samples) {
      const key = JSON.stringify(sample.labels);
      const before = merged.samples.get(key);
      merged.samples.set(key, before === undefined ? sample : sum(before, sample));
    }
  }
  return [...byName.keys()].toSorted().map((name) => {
    const { first, samples } = byName.get(name) as NonNullable<ReturnType<typeof byName.get>>;
    return { ...first, samples: [...samples.values()] };
  });
}

function sum(left: Sample, right: Sample): Sample {
  const value = left.value + right.value;
  if (left.buckets === undefined) return { labels: left.labels, value };
  return { labels: left.labels, value, buckets: left.buckets.map((count, i) => count + (right.buckets?.[i] ?? 0)) };
}
