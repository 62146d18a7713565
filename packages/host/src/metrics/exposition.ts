import { bucketBoundsSeconds, type Labels, type MetricFamily, type Sample } from '@multigres/core';

/** What goes with `exposition` as the Content-Type. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** Families as Prometheus reads them: its text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
export function exposition(families: readonly MetricFamily[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const head = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
      return head + samples.map((sample) => sampleText(name, sample)).join('');
    })
    .join('');
}

function sampleText(name: string, { labels, value, buckets }: Sample): string {
  const own = labelPairs(labels);
  if (buckets === undefined) return line(name, own, value);
  const lines: string[] = [];
  let below = 0;
  for (const [index, inside] of buckets.entries()) {
    below += inside;
    const bound = bucketBoundsSeconds[index];
    lines.push(line(`${name}_bucket`, [...own, `le="${bound ?? '+Inf'}"`], below));
  }
  return lines.join('') + line(`${name}_sum`, own, value) + line(`${name}_count`, own, below);
}

function line(name: string, pairs: readonly string[], value: number): string {
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function labelPairs(labels: Labels): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', String.raw`\"`)}"`);
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', String.raw`\n`);
}
