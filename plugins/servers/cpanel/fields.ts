// The forms of a product and of a checkout, with the packages that the server really has.

import type { Field } from 'cofferdam/sdk';

import type { Whm } from './api.ts';

/** What a customer fills in. */
export const CHECKOUT_FIELDS: readonly Field[] = [
  {
    name: 'domain',
    label: 'Domain',
    type: 'text',
    required: true,
    description: 'The main domain of the account, such as example.com',
  },
];

/** The product form. */
export async function productFields(whm: Whm): Promise<Field[]> {
  const packages = await whm.packages();
  const options = packages
    .map(({ name, QUOTA, BWLIMIT }) => ({
      value: name,
      label: `${name} (disk ${describe(QUOTA)}, traffic ${describe(BWLIMIT)})`,
    }))
    .toSorted((a, b) => (a.value < b.value ? -1 : 1));
  return [
    {
      name: 'package',
      label: 'Package',
      type: 'select',
      required: true,
      options,
      description: 'A package of WHM; it decides all limits of the account',
    },
    {
      name: 'dedicatedIp',
      label: 'Dedicated IP address',
      type: 'boolean',
      default: false,
      description: 'Given when the account is created; needs a free address on the server',
    },
  ];
}

/** WHM writes megabytes as a number, and "unlimited". */
function describe(size: string | number | null | undefined): string {
  return /^\d+$/.test(String(size)) ? `${size} MB` : String(size ?? 'unlimited');
}
