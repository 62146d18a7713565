import { describe, expect, it } from 'vitest';
import { PlanChoice } from './plan-choice.ts';

/** Runs of a statement on one backend after the other, `perBackend` each; with what they take by their number. */
function play(choice: PlanChoice, count: number, perBackend: number, took: (run: number) => number): void {
  let run = 0;
  for (let i = 0; i < count; i++) {
    run = run >= (choice.preparesAnew ? 5 : perBackend) ? 1 : run + 1;
    choice.record(took(run), run);
  }
}

describe('a statement that is prepared although its client does not', () => {
  it('is left to Postgres while its later runs are as fast as its first ones', () => {
    const choice = new PlanChoice();
    play(choice, 1000, 20, () => 0.2);
    expect(choice.phase).toBe('watching');
  });

  it('is prepared again after five runs once the plan for all parameters has shown to be worse, and stays so if that helps', () => {
    const choice = new PlanChoice();
    play(choice, 200, 20, (run) => (run <= 5 ? 0.2 : 8));
    expect([choice.phase, choice.preparesAnew]).toEqual(['anew', true]);
  });

  it('is left alone after a trial that did not help: the machine was busier', () => {
    const choice = new PlanChoice();
    let count = 0;
    play(choice, 400, 20, () => (count++ < 80 ? 0.2 : 8));
    play(choice, 400, 20, () => 8);
    expect(['left', 'watching']).toContain(choice.phase);
    expect(choice.preparesAnew).toBe(false);
  });
});
