import type { Machine } from '../machine/machine.ts';
import { fixed, median } from './numbers.ts';

/** From here on, the numbers are to be taken with care. */
const disturbedCores = 0.1;

/** The machine, and who else was working on it. `othersCores`: processors that others kept busy, run by run; empty where nobody can tell. */
export function machineSection(machine: Machine, othersCores: readonly number[]): string {
  const { cpu, cores, memoryGiB, system, kernel, node, loadBefore } = machine;
  const others = median(othersCores);
  const most = Math.max(...othersCores);
  const noise =
    others > disturbedCores
      ? `**Other work was running on the machine**: it kept ${fixed(others, 2)} processors busy (median of the runs; at most ${fixed(most, 2)}). Take the numbers as a direction and run it again on a quiet machine.`
      : `Others kept ${fixed(others, 2)} processors busy (median of the runs; at most ${fixed(most, 2)}).`;
  const facts = `${cores} x ${cpu}, ${memoryGiB} GiB, ${system}, Linux ${kernel}, Node ${node}. Load average before the run: ${fixed(loadBefore, 1)}.`;
  return othersCores.length === 0 ? facts : `${facts} ${noise}`;
}
