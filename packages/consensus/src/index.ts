export { compareBallots, compareRuleNumbers } from './order.ts';
