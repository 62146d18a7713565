import type { Kernel } from '../kernel/kernel.ts';
import { RandomStream } from '../kernel/random-stream.ts';

/** The weather between machines, drawn once per run from the seed and changed by faults. */
export interface NetworkWeather {
  /** Mean one-way delay between machines, microseconds. */
  readonly delayUs: number;
  /** Mean of what is added to each delay at random, microseconds. */
  readonly jitterUs: number;
  /** How streams are cut into pieces. */
  readonly pieces: 'whole' | 'packets' | 'random' | 'tiny';
  /** Arrivals are rounded up to multiples of this (a busy receiver handles several at once); 0 is off. */
  readonly turnUs: number;
  /** Share of segments that are lost once and sent again 200 ms later. */
  readonly retransmitShare: number;
  /** Bytes that a connection takes on before the sender feels back-pressure. */
  readonly windowBytes: number;
}

export const calmWeather: NetworkWeather = {
  delayUs: 100,
  jitterUs: 20,
  pieces: 'whole',
  turnUs: 0,
  retransmitShare: 0,
  windowBytes: 128 * 1024,
};

export function drawNetworkWeather(random: RandomStream): NetworkWeather {
  return {
    delayUs: random.pick([30, 100, 500, 2000]),
    jitterUs: random.pick([5, 50, 500, 3000]),
    pieces: random.pick(['whole', 'packets', 'random', 'tiny'] as const),
    turnUs: random.pick([0, 0, 100, 1000]),
    retransmitShare: random.pick([0, 0, 0.001, 0.01]),
    windowBytes: random.pick([4 * 1024, 32 * 1024, 128 * 1024]),
  };
}

/** One direction between two machines. */
export class Link {
  /** Nothing gets through; what is sent waits to be sent again. */
  cut = false;
  /** Added to each delay, microseconds. */
  slowUs = 0;
  /** Called when the link works again. */
  readonly waiting: (() => void)[] = [];
  readonly from: string;
  readonly to: string;

  constructor(from: string, to: string) {
    this.from = from;
    this.to = to;
  }

  get local(): boolean {
    return this.from === this.to;
  }

  heal(): void {
    this.cut = false;
    for (const resume of this.waiting.splice(0)) resume();
  }
}

/** All links, made when first used. */
export class Links {
  readonly weather: NetworkWeather;
  readonly #kernel: Kernel;
  readonly #links = new Map<string, Link>();

  constructor(kernel: Kernel, weather: NetworkWeather) {
    this.#kernel = kernel;
    this.weather = weather;
  }

  between(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new Link(from, to);
      this.#links.set(key, link);
    }
    return link;
  }

  cut(from: string, to: string): void {
    if (from !== to) this.between(from, to).cut = true;
  }

  heal(from: string, to: string): void {
    this.between(from, to).heal();
  }

  healAll(): void {
    for (const link of this.#links.values()) {
      link.slowUs = 0;
      link.heal();
    }
  }

  /** When something sent now arrives: delay, jitter, the rare retransmission; rounded to the receiver's turn. */
  arrivalUs(link: Link, random: RandomStream): number {
    const { weather } = this;
    if (link.local) return this.#kernel.nowUs + 5 + random.below(20);
    let delayUs = weather.delayUs + random.skewed(weather.jitterUs) + link.slowUs;
    if (weather.retransmitShare > 0 && random.chance(weather.retransmitShare)) delayUs += 200_000;
    const arrivalUs = this.#kernel.nowUs + 1 + Math.floor(delayUs);
    if (weather.turnUs === 0) return arrivalUs;
    return Math.ceil(arrivalUs / weather.turnUs) * weather.turnUs;
  }
}
