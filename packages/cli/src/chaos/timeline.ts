import type { ChaosResult } from './chaos-run.ts';
import { injuryText } from './injury.ts';

const width = 1600;
const left = 90;
const plot = width - left - 20;
const lane = { leader: 40, writes: 90, injuries: 240 } as const;
const writesHeight = 120;
const rowHeight = 14;
const rowsMax = 6;

const colours = ['#4c78a8', '#f58518', '#54a24b', '#b279a2', '#e45756', '#72b7b2'] as const;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

function box(x: number, y: number, wide: number, high: number, colour: string, title: string): string {
  const size = `width="${Math.max(1, wide).toFixed(1)}" height="${high.toFixed(1)}"`;
  return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${size} fill="${colour}"><title>${escaped(title)}</title></rect>`;
}

const words = (x: number, y: number, text: string): string => `<text x="${x}" y="${y}">${escaped(text)}</text>`;

/** A picture (SVG) of a run: who led, how many writes were acknowledged each second, and what was done to the cluster. */
export function timelineSvg(result: ChaosResult): string {
  const endMs = Math.max(result.ranMs, 1000);
  const at = (ms: number): number => left + (Math.min(ms, endMs) / endMs) * plot;
  const height = lane.injuries + rowsMax * rowHeight + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    words(left, 20, `seed ${result.seed}: ${result.failovers} failovers, ${result.ledger.lost.length} lost writes`),
    ...leaders(result, at, endMs),
    ...writes(result, at),
    ...injuries(result, at),
    ...axis(at, endMs, height),
    '</svg>',
    '',
  ].join('\n');
}

function leaders({ reigns }: ChaosResult, at: (ms: number) => number, endMs: number): string[] {
  const names = [...new Set(reigns.flatMap(({ leader }) => leader ?? []))].toSorted();
  const boxes = reigns.flatMap(({ atMs, leader, rule }, i) => {
    if (leader === undefined) return [];
    const toMs = reigns[i + 1]?.atMs ?? endMs;
    const colour = colours[names.indexOf(leader) % colours.length] as string;
    return [box(at(atMs), lane.leader, at(toMs) - at(atMs), 20, colour, `${leader} leads under rule ${rule ?? '?'}`)];
  });
  return [words(10, lane.leader + 14, 'leader'), ...boxes];
}

function writes({ traffic }: ChaosResult, at: (ms: number) => number): string[] {
  const most = Math.max(1, ...traffic.seconds.map(({ writes: count }) => count));
  const bars = traffic.seconds.flatMap(({ writes: count, errors, unknown }, second) => {
    const x = at(second * 1000);
    const wide = at(second * 1000 + 1000) - x;
    const high = (count / most) * writesHeight;
    const shown = [
      box(x, lane.writes + writesHeight - high, wide, high, '#9ecae9', `${count} writes in second ${second}`),
    ];
    if (errors + unknown > 0) {
      const title = `${errors} errors, ${unknown} of unknown outcome in second ${second}`;
      shown.push(box(x, lane.writes + writesHeight, wide, 8, unknown > 0 ? '#e45756' : '#f2a900', title));
    }
    return shown;
  });
  return [words(10, lane.writes + 14, `writes/s`), words(10, lane.writes + 28, `(max ${most})`), ...bars];
}

function injuries({ injuries: made }: ChaosResult, at: (ms: number) => number): string[] {
  const boxes = made.map(({ injury, fromMs, toMs, how }, i) => {
    const y = lane.injuries + (i % rowsMax) * rowHeight;
    const colour = how === 'done' ? '#444' : '#ccc';
    return box(at(fromMs), y, at(toMs) - at(fromMs), rowHeight - 3, colour, injuryText(injury));
  });
  return [words(10, lane.injuries + 14, 'injuries'), ...boxes];
}

function axis(at: (ms: number) => number, endMs: number, height: number): string[] {
  const steps = 10;
  return Array.from({ length: steps + 1 }, (_, i) => {
    const ms = (endMs * i) / steps;
    return words(Math.round(at(ms)) - 10, height - 10, `${Math.round(ms / 1000)} s`);
  });
}
