import { expect, it } from 'vitest';
import { ReceiveWindow, SendWindow, windowBytes } from './window.ts';

it('a window closes when as much as it holds is under way, and opens with the credit', () => {
  const window = new SendWindow();
  window.sent(windowBytes - 1);
  expect(window.open).toBe(true);
  window.sent(100);
  expect(window.open).toBe(false);
  window.credited(99);
  expect(window.open).toBe(false);
  window.credited(1);
  expect(window.open).toBe(true);
});

it('what is handed on is credited in full, a good part at a time, so that a closed window always opens again', () => {
  const sender = new SendWindow();
  const receiver = new ReceiveWindow();
  let sent = 0;
  let credits = 0;
  let handedOn = 0;
  for (let round = 0; round < 1000; round++) {
    for (; sender.open; sent += 777) sender.sent(777);
    for (; handedOn < sent; handedOn += 777) {
      const credit = receiver.consumed(777);
      if (credit === 0) continue;
      credits += 1;
      sender.credited(credit);
    }
    expect(sender.open).toBe(true);
  }
  expect(sent).toBeGreaterThan(50 * windowBytes);
  expect(credits).toBeLessThan(sent / (windowBytes / 5));
});
