// The forms of a product and of a checkout, with the packages and addresses that the server really has.

import type { Field } from 'cofferdam/sdk';

import type { DirectAdmin } from './api.ts';

/** What a customer fills in. */
export const CHECKOUT_FIELDS: readonly Field[] = [
  {
    name: 'domain',
    label: 'Domain',
    type: 'text',
    required: true,
    description: 'The first domain of the user, such as example.com',
  },
];

/** The product form. */
export async function productFields(api: DirectAdmin): Promise<Field[]> {
  const [packages, addresses] = await Promise.all([api.packages(), api.addresses()]);
  const optionsOf = (values: readonly string[]): { value: string; label: string }[] =>
    values.toSorted().map((value) => ({ value, label: value }));
  return [
    {
      name: 'package',
      label: 'Package',
      type: 'select',
      required: true,
      options: optionsOf(packages),
      description: 'A user package; it decides all limits',
    },
    {
      name: 'ip',
      label: 'IP address',
      type: 'select',
      required: true,
      options: optionsOf(addresses),
      description: 'A shared address, or one of your own; used when the user is created',
    },
  ];
}
