import { backendTag } from '../tags.ts';
import { MessageReader } from '../wire/message-reader.ts';
import type { MessageWriter } from '../wire/message-writer.ts';

export interface NotificationResponse {
  readonly kind: 'notificationResponse';
  /** Of the notifying backend. */
  readonly processId: number;
  readonly channel: string;
  readonly payload: string;
}

/** NotificationResponse: somebody did NOTIFY. May come at any time. */
export function encodeNotificationResponse(
  writer: MessageWriter,
  processId: number,
  channel: string,
  payload: string,
): void {
  writer.begin(backendTag.notificationResponse);
  writer.int32(processId);
  writer.cstring(channel);
  writer.cstring(payload);
  writer.end();
}

export function decodeNotificationResponse(
  buffer: Uint8Array,
  start: number,
  end: number,
): NotificationResponse | undefined {
  const reader = new MessageReader(buffer, start + 5, end);
  const processId = reader.int32();
  const channel = reader.cstring();
  const payload = reader.cstring();
  return reader.done ? { kind: 'notificationResponse', processId, channel, payload } : undefined;
}
