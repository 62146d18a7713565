import { troubleLoop, type TroubleOrder } from './trouble.ts';

process.once('message', (order: TroubleOrder) => {
  void troubleLoop(order).then((report) => process.send?.(report, () => process.exit(0)));
});
