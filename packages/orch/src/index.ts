export { defaultOrchTuning, type OrchConfig, type OrchTuning } from './config.ts';
export { startOrch, type Orch, type OrchParts } from './orch.ts';
