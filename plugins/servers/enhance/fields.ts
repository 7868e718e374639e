// The forms of a product and of a checkout, with what the cluster really has to choose from.

import { isFailure } from 'cofferdam/sdk';
import type { Field, JsonObject } from 'cofferdam/sdk';

import type { Enhance } from './api.ts';

/** The product form; asked again when the plan changes, because a plan may allow some groups only. */
export async function productFields(api: Enhance, values: JsonObject): Promise<Field[]> {
  const [plans, groups] = await Promise.all([api.plans(), groupsOf(api)]);
  const plan: Field = {
    name: 'plan',
    label: 'Plan',
    type: 'select',
    required: true,
    live: true,
    options: plans.map(({ id, name, planType }) => ({ value: id, label: `${name} (${planType})` })),
  };
  const chosen = plans.find(({ id }) => String(id) === String(values['plan']));
  const allowed = chosen?.serverGroupIds ?? [];
  const offered = groups.filter(({ id }) => allowed.length === 0 || allowed.includes(id));
  if (offered.length === 0) return [plan];
  return [
    plan,
    {
      name: 'serverGroup',
      label: 'Server group',
      type: 'select',
      description: 'Empty: Enhance chooses',
      options: offered.map(({ id, name }) => ({ value: id, label: name })),
    },
  ];
}

/** Only the master organisation may see the groups; for others the field is left out. */
async function groupsOf(api: Enhance) {
  try {
    return await api.groups();
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
    description: 'The name of the website, such as example.com',
  },
];

/** Why a domain cannot be sold, by what Enhance says of it. */
export const DOMAIN_PROBLEMS = {
  notInUse: undefined,
  prohibited: 'is not allowed here',
  inUseCurrentOrg: 'is hosted here already',
  inUseAnotherOrg: 'is hosted here already',
  inUseDeletedSite: 'belongs to a removed website whose data is still kept',
} as const;
