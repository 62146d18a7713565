/** What a strict reader of Prometheus's text format makes of it. */
export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** By the sample's name with its labels as written: `name{a="b"}`. */
  readonly values: Map<string, number>;
}

const headPattern = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/;
const samplePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$/;
const numberPattern = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)$/;
const suffixes: Readonly<Record<string, readonly string[]>> = { histogram: ['_bucket', '_sum', '_count'] };

/**
 * Reads version 0.0.4 of the format and throws on whatever Prometheus might not take: HELP and TYPE once and in front, all lines of a name together, no
 * series twice, histograms cumulative and complete.
 */
export function parseExposition(text: string): ReadonlyMap<string, ParsedFamily> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, ParsedFamily>();
  let help: readonly [string, string] | undefined;
  let current: ParsedFamily | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    const head = headPattern.exec(line);
    if (head?.[1] === 'HELP') {
      help = [head[2] as string, head[3] as string];
      if (families.has(help[0])) throw new Error(`${help[0]} comes twice`);
    } else if (head !== null) {
      if (help?.[0] !== head[2]) throw new Error(`TYPE without HELP: ${line}`);
      current = { name: help?.[0] as string, type: head[3] as string, help: help?.[1] as string, values: new Map() };
      families.set(current.name, current);
    } else addSample(current, line);
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function addSample(family: ParsedFamily | undefined, line: string): void {
  const match = samplePattern.exec(line);
  if (match === null || family === undefined) throw new Error(`no line of the format: ${line}`);
  const [, name, labels = '', value] = match as unknown as [string, string, string | undefined, string];
  const expected = (suffixes[family.type] ?? ['']).map((suffix) => family.name + suffix);
  if (!expected.includes(name)) throw new Error(`a sample of ${name} among those of ${family.name}`);
  if (!numberPattern.test(value)) throw new Error(`no number: ${line}`);
  const key = name + labels;
  if (family.values.has(key)) throw new Error(`a series twice: ${key}`);
  family.values.set(key, Number(value.replace('Inf', 'Infinity')));
}

function checkHistogram({ name, values }: ParsedFamily): void {
  const counts = new Map<string, { last: number; infinite: boolean }>();
  for (const [key, value] of values) {
    const match = /_bucket\{(.*?),?le="([^"]*)"\}$/.exec(key);
    if (match === null) continue;
    const labels = match[1] as string;
    const before = counts.get(labels) ?? { last: 0, infinite: false };
    if (value < before.last) throw new Error(`not cumulative: ${key}`);
    counts.set(labels, { last: value, infinite: match[2] === '+Inf' });
  }
  for (const [labels, { last, infinite }] of counts) {
    const set = labels === '' ? '' : `{${labels}}`;
    if (!infinite) throw new Error(`no bucket for all of ${name}${set}`);
    if (values.get(`${name}_count${set}`) !== last)
      throw new Error(`${name}_count${set} is not that of the last bucket`);
    if (!values.has(`${name}_sum${set}`)) throw new Error(`no ${name}_sum${set}`);
  }
}
