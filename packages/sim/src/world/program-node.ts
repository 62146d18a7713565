import { assert } from '@multigres/core';
import type { Life } from '../kernel/life.ts';
import type { Machine, SimNode, Weather } from './weather.ts';

/** A program on a machine as faults see it: whatever process of it runs now. Others start it; who kills it need not. */
export class ProgramNode implements SimNode {
  readonly name: string;
  readonly machine: Machine;
  readonly #weather: Weather;
  readonly #program: string;

  /** Known to faults as `PROGRAM@MACHINE`. */
  constructor(weather: Weather, program: string, machine: string) {
    this.name = `${program}@${machine}`;
    this.machine = weather.machine(machine);
    this.#weather = weather;
    this.#program = program;
    assert(!weather.nodes.has(this.name), 'a node has a name of its own');
    weather.nodes.set(this.name, this);
  }

  get life(): Life | undefined {
    return this.#running()?.life;
  }

  get isUp(): boolean {
    return this.#running() !== undefined;
  }

  start(): void {}

  kill(): void {
    for (const { pid } of this.machine.processes.runningOf(this.#program)) this.machine.processes.send(pid, 'SIGKILL');
  }

  lostPower(): void {}

  pause(forMs: number): void {
    const { kernel } = this.#weather;
    const life = this.life;
    if (life !== undefined) kernel.pause(life, kernel.nowUs + forMs * 1000);
  }

  #running(): { readonly pid: number; readonly life: Life } | undefined {
    return this.machine.processes.runningOf(this.#program).at(-1);
  }
}
