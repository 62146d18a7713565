export type { Classification, SettingChange, SettingForm, StatementKind, TransactionEffect } from './classification.ts';
export { ClassificationCache, type ClassificationCacheOptions } from './classification-cache.ts';
export { classify, splitStatements, type ClassifyOptions, type StatementSpan } from './classify.ts';
export type { KnownFunction } from './facts.ts';
export { harmless, unknownEffect, type FunctionEffect } from './function-effect.ts';
export { everyPin, PinReason, pinNames, pinsKeptByRollback, type PinReasonName } from './pin-reason.ts';
export { redact } from './redact.ts';
export { ShapeCache, type KnownShape } from './shape-cache.ts';
export { Trait, traitNames, type TraitName } from './trait.ts';
