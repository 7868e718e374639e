// The forms of a product and of a checkout, with what the server really has to choose from.

import { isFailure } from 'cofferdam/sdk';
import type { Field } from 'cofferdam/sdk';

import type { Plesk } from './api.ts';
import { planNames } from './commands.ts';

/** The product form: the plans and the addresses of the server. */
export async function productFields(api: Plesk): Promise<Field[]> {
  const [plans, addresses] = await Promise.all([planNames(api), addressesOf(api)]);
  const plan: Field = {
    name: 'plan',
    label: 'Plan',
    type: 'select',
    required: true,
    options: plans.map((name) => ({ value: name, label: name })),
  };
  if (addresses.length === 0) return [plan];
  return [
    plan,
    {
      name: 'ip',
      label: 'IP address',
      type: 'select',
      description: 'Empty: the one that the plan gives',
      options: addresses.map((address) => ({ value: address, label: address })),
    },
  ];
}

/** A reseller's key may not see the addresses of the server; the field is left out then. */
async function addressesOf(api: Plesk): Promise<string[]> {
  try {
    const all = await api.addresses();
    return all.flatMap(({ ipv4, ipv6 }) => [ipv4 ?? [], ipv6 ?? []].flat());
  } catch (error) {
    if (isFailure(error, 'forbidden')) return [];
    throw error;
  }
}

/** What a customer fills in. */
export const CHECKOUT_FIELDS: readonly Field[] = [
  {
    name: 'domain',
    label: 'Domain',
    type: 'text',
    required: true,
    description: 'The name of the site, such as example.com',
  },
];
