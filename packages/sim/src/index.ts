// The public surface: what other packages' tests use to put their code into the weather. The command is main.ts.

export { Kernel, type Failure, type KernelOptions } from './kernel/kernel.ts';
export { RandomStream } from './kernel/random-stream.ts';
export { calmWeather, drawNetworkWeather, type NetworkWeather } from './world/link.ts';
export { Weather, type Machine, type Role, type SimNode, type WeatherOptions } from './world/weather.ts';
export { parsePlan, formatPlan, type Action, type Fault, type Plan, type Trigger } from './fault/plan.ts';
export { Injector } from './fault/inject.ts';
