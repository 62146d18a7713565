export { explainRegister, type RegisterOp } from './register-history.ts';
export { WriteLedger, type WriteOutcome, type LedgerVerdict } from './write-ledger.ts';
