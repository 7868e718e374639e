// Ids of deliveries: unique over hosts and restarts, and safe in URLs and headers.

import { randomUUID } from 'node:crypto';

/** `dlv_0f8f…` */
export function createDeliveryId(prefix: 'dlv' | 'evt' | 'msg'): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
