import { eventKind } from '../kernel/kernel.ts';
import type { Weather } from '../world/weather.ts';

const limitMs = 60_000;

/** Looks every 20 simulated milliseconds; fails the run if it takes a minute. */
export async function waitUntil(weather: Weather, what: string, holds: () => boolean): Promise<void> {
  const { kernel } = weather;
  const deadlineMs = kernel.nowMs + limitMs;
  while (!holds()) {
    if (kernel.nowMs > deadlineMs) {
      kernel.fail('set-up', `it never happened that ${what}`);
      return;
    }
    await new Promise<void>((resolve) => {
      kernel.in(20_000, eventKind.story, kernel.god, resolve);
    });
  }
}
