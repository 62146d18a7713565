// The public surface: rounds in memory, replayable by their seed. The command is main.ts.

export { fuzzBatch, type BatchOptions, type BatchResult } from './quiet/batch.ts';
