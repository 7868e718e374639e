// A store whose deliveries are sealed: events, webhooks and results hold what customers told, and passwords
// on their way. Whoever reads the database alone reads none of it.

import { toErrorData } from '../errors.ts';
import type { DeliveryRow, NewDelivery } from './deliveries.ts';
import type { Store } from './store.ts';
import type { SecretPlaceKey, Vault } from './vault.ts';

/** Where a delivery's payload is bound to; `sealed.ts` renews it there. */
export function deliveryPlace({ id, target }: Pick<NewDelivery, 'id' | 'target'>): SecretPlaceKey {
  return { instance: target, field: `delivery:${id}` };
}

/** The same store: payloads are sealed on their way in and opened on their way out. */
export function sealDeliveries(store: Store, vault: Vault): Store {
  const seal = <Row extends Pick<NewDelivery, 'id' | 'target' | 'payload'>>(row: Row): Row => ({
    ...row,
    payload: vault.seal(row.payload, deliveryPlace(row)).$sealed,
  });
  const open = (row: DeliveryRow): DeliveryRow => ({
    ...row,
    payload: vault.open({ $sealed: row.payload }, deliveryPlace(row)),
  });
  const sealed: Store = {
    ...store,
    exclusive: (key, work, wait) =>
      store.exclusive(
        key,
        ({ signal, store: held }) =>
          work({ signal, store: held === store ? sealed : sealDeliveries(held, vault) }),
        wait,
      ),
    addDeliveries: async (rows, state) =>
      (await store.addDeliveries(rows.map(seal), state)).map(open),
    async claimDeliveries(claim) {
      const rows = await store.claimDeliveries(claim);
      const opened: DeliveryRow[] = [];
      for (const row of rows) {
        try {
          opened.push(open(row));
        } catch (error) {
          // One that was sealed with another key must not keep the others from being delivered.
          const { seq, attempt } = row;
          const ended = { seq, attempt, nowMs: claim.nowMs, state: 'dead' } as const;
          await store.endDelivery({ ...ended, error: JSON.stringify(toErrorData(error)) });
        }
      }
      return opened;
    },
    endDelivery: (end) =>
      store.endDelivery(
        end.state !== 'waiting' || end.renewed === undefined
          ? end
          : { ...end, renewed: seal(end.renewed) },
      ),
    // A list shows no payload: nothing is opened for it.
    async delivery(id) {
      const row = await store.delivery(id);
      return row === undefined ? undefined : open(row);
    },
    putFacts: ({ message, ...batch }) =>
      store.putFacts({
        ...batch,
        message(row) {
          const delivery = message(row);
          return delivery === undefined ? undefined : seal(delivery);
        },
      }),
  };
  return sealed;
}
