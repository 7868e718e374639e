// Rows of the panels: the whole life of one service, and what is asked beside it.

import type { JsonObject, Service } from 'cofferdam/sdk';

import type { Panel } from './fakes.ts';
import type { Table } from './table.ts';

const SETTLES_MAX = 20;
const MOVES: readonly string[] = [
  ...['create', 'suspend', 'unsuspend', 'renew', 'changePassword', 'changePackage', 'terminate'],
];

/** Runs every operation of one panel. */
export async function runPanel(table: Table, { vendor, subject }: Panel): Promise<void> {
  const extension = `servers/${vendor.name}`;
  const { definition } = vendor;
  const run = table.runner(extension);
  let service: Service = subject.service('table');
  const settle = async (operation: string, input: unknown): Promise<void> => {
    let result = await table.call(extension, operation, input);
    for (let tries = 0; ; tries += 1) {
      service = { ...service, properties: { ...service.properties, ...result.properties } };
      if (result.status !== 'pending') return;
      if (tries >= SETTLES_MAX) throw new Error('is pending for ever');
      subject.finishWork();
      result = await table.call(extension, 'reconcile', { operation, service });
    }
  };
  const { product, checkout, user } = service;
  const larger = vendor.larger?.settings ?? product.settings;
  const asks: readonly [string, () => unknown][] = [
    ['productConfig', () => product.settings],
    ['checkoutConfig', () => ({ product, values: {} })],
    ['validate', () => ({ product, checkout, user })],
    ['create', () => service],
    ['suspend', () => service],
    ['unsuspend', () => service],
    ['getLoginUrl', () => service],
    ['usage', () => service],
    ['info', () => service],
    ['list', () => ({})],
    ['renew', () => service],
    ['changePassword', () => ({ service })],
    [
      'changePackage',
      () => ({ ...service, product: { ...product, settings: larger }, previousProduct: product }),
    ],
  ];
  for (const [operation, input] of asks) {
    if ((definition as Record<string, unknown>)[operation] === undefined) {
      table.absent(extension, operation);
    } else {
      const isMove = MOVES.includes(operation);
      await run(operation, () =>
        isMove ? settle(operation, input()) : table.call(extension, operation, input()),
      );
    }
  }
  for (const [name, { fields = [] }] of Object.entries(definition.actions ?? {})) {
    const values: JsonObject = Object.fromEntries(
      fields.flatMap(({ name: field, options = [] }) =>
        checkout[field] !== undefined
          ? [[field, checkout[field]]]
          : options[0] === undefined
            ? []
            : [[field, options[0].value]],
      ),
    );
    const input = { subject: service, values, actor: { id: 'admin', role: 'admin' } };
    await run(`actions.${name}`, async () => {
      const result = await table.call(extension, `actions.${name}`, input);
      if (result.error !== undefined) throw new Error(result.error.message);
      subject.finishWork();
    });
  }
  await run('terminate', async () => {
    await settle('terminate', service);
    if (subject.objects().length > 0) throw new Error('the object is still there');
  });
}
