// The forms of a product and of a checkout, with what the master really has to choose from.

import type { Field, JsonObject } from 'cofferdam/sdk';

import type { Virtualizor } from './api.ts';
import { VIRTS } from './config.ts';
import type { Settings } from './config.ts';

/** The product form; asked again when the kind of virtualization changes. */
export async function productFields(api: Virtualizor, values: JsonObject): Promise<Field[]> {
  const [plans, templatesOf, groups] = await Promise.all([
    api.plans(),
    api.osList(),
    api.serverGroups(),
  ]);
  const kinds = VIRTS.filter(
    (virt) => templatesOf(virt).length > 0 || plans.some((plan) => plan.virt === virt),
  );
  const virt = String(values['virt'] ?? kinds[0] ?? '');
  const fitting = plans.filter((plan) => plan.virt === '' || plan.virt === virt);
  return [
    {
      name: 'virt',
      label: 'Virtualization',
      type: 'select',
      required: true,
      live: true,
      options: kinds.map((value) => ({ value, label: value })),
    },
    {
      name: 'plan',
      label: 'Plan',
      type: 'select',
      required: true,
      options: fitting.map(({ plid, plan_name }) => ({ value: plid, label: plan_name })),
    },
    {
      name: 'osIds',
      label: 'Operating systems',
      type: 'multiselect',
      required: true,
      description: 'What the customer may choose from',
      options: templatesOf(virt).map(({ id, name }) => ({ value: id, label: name })),
    },
    {
      name: 'serverGroup',
      label: 'Server group',
      type: 'select',
      description: 'Empty: any node',
      options: groups.map(({ sgid, sg_name }) => ({ value: sgid, label: sg_name })),
    },
    {
      name: 'domain',
      label: 'Domain of host names',
      type: 'text',
      description: 'For customers who enter no host name',
    },
  ];
}

/** What a customer fills in: only systems that the product offers and the master still has. */
export async function checkoutFields(
  api: Virtualizor,
  { virt, osIds }: Settings,
): Promise<Field[]> {
  const templates = (await api.osList())(virt).filter(({ id }) => osIds.includes(id));
  return [
    {
      name: 'hostname',
      label: 'Host name',
      type: 'text',
      description: 'A DNS name, such as web1.example.com',
    },
    {
      name: 'os',
      label: 'Operating system',
      type: 'select',
      required: osIds.length > 1,
      options: templates.map(({ id, name }) => ({ value: id, label: name })),
    },
  ];
}
