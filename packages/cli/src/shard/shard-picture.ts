import { shardJson, shardLines, type ShardReport } from './shard-table.ts';
import { ruleText, shardState, type ShardView } from './shard-view.ts';

const eventsMax = 10;

/** What has changed since, in a few words. */
export function shardChanges(before: ShardView | undefined, now: ShardView): readonly string[] {
  if (before === undefined) return [];
  const said: string[] = [];
  if (ruleText(before.rule?.number) !== ruleText(now.rule?.number)) {
    said.push(`rule ${ruleText(now.rule?.number)}: ${now.leader ?? 'nobody'} leads`);
  }
  if (before.open !== now.open) said.push(now.open ? `${now.leader} serves writes` : 'nobody serves writes');
  for (const member of now.members) {
    const old = before.members.find(({ name }) => name === member.name);
    if (old !== undefined && old.health !== member.health)
      said.push(`${member.name} is ${member.health} (was ${old.health})`);
    if (old !== undefined && old.role !== member.role) said.push(`${member.name} is ${member.role} (was ${old.role})`);
  }
  return said;
}

/** For programs and logs: the first state, then each change. */
export class Lines {
  readonly #json: boolean;
  #before: ShardReport | undefined;
  #lastJson = '';

  constructor(json: boolean) {
    this.#json = json;
  }

  show(report: ShardReport): void {
    const lines = this.#json ? this.#jsonLines(report) : this.#textLines(report);
    this.#before = report;
    for (const line of lines) process.stdout.write(`${line}\n`);
  }

  close(): void {}

  #jsonLines(report: ShardReport): readonly string[] {
    const line = shardJson(report);
    if (line === this.#lastJson) return [];
    this.#lastJson = line;
    return [line];
  }

  #textLines(report: ShardReport): readonly string[] {
    if (this.#before === undefined) return shardLines(report);
    return shardChanges(this.#before.view, report.view).map((line) => `${new Date().toISOString()}  ${line}`);
  }
}

const home = '\u001B[H';
const clearToEnd = '\u001B[J';
const clearLine = '\u001B[K';
const alternate = { enter: '\u001B[?1049h\u001B[?25l', leave: '\u001B[?25h\u001B[?1049l' } as const;

/** For people: one screen that is drawn again, with what has happened below, and the terminal as it was at the end. */
export class Screen {
  readonly #events: string[] = [];
  #before: ShardView | undefined;
  #drawn = '';

  constructor() {
    process.stdout.write(alternate.enter);
  }

  show(report: ShardReport): void {
    const at = new Date().toISOString().slice(11, 23);
    this.#events.unshift(...shardChanges(this.#before, report.view).map((line) => `${at}  ${line}`));
    this.#events.splice(eventsMax);
    this.#before = report.view;
    const lines = [...shardLines(report), '', ...this.#events];
    const text = lines.map((line) => line + clearLine).join('\n');
    if (text === this.#drawn) return;
    this.#drawn = text;
    process.stdout.write(home + text + clearToEnd);
  }

  close(): void {
    process.stdout.write(alternate.leave);
    const state = this.#before === undefined ? 'unknown' : shardState(this.#before);
    process.stdout.write(`${[...this.#events.toReversed(), state].join('\n')}\n`);
  }
}
