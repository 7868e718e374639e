// The forms of a product and of a checkout, with what the control server really has to choose from.

import type { Field, JsonObject } from 'cofferdam/sdk';

import type { VirtFusion } from './api.ts';
import type { Settings } from './config.ts';

type Named = { readonly id: number; readonly name: string };
const optionsOf = (items: readonly Named[]) =>
  items.map(({ id, name }) => ({ value: id, label: name }));

/** The product form; asked again when the package changes. */
export async function productFields(api: VirtFusion, values: JsonObject): Promise<Field[]> {
  const [packages, groups] = await Promise.all([api.packages(), api.groups()]);
  const onSale = packages.filter(({ enabled }) => enabled);
  const chosen = onSale.find(({ id }) => id === Number(values['packageId'])) ?? onSale[0];
  const templates = chosen === undefined ? [] : await api.templates(chosen.id);
  return [
    {
      name: 'packageId',
      label: 'Package',
      type: 'select',
      required: true,
      live: true,
      options: optionsOf(onSale),
    },
    {
      name: 'groupId',
      label: 'Hypervisor group',
      type: 'select',
      required: true,
      options: optionsOf(groups.filter(({ enabled }) => enabled)),
    },
    {
      name: 'osIds',
      label: 'Operating systems',
      type: 'multiselect',
      required: true,
      description: 'What the customer may choose from',
      options: templates.map(({ id, label }) => ({ value: id, label })),
    },
    {
      name: 'ipv4',
      label: 'IPv4 addresses',
      type: 'number',
      required: true,
      default: 1,
      min: 0,
      max: 256,
    },
    {
      name: 'sendMail',
      label: 'Let VirtFusion mail the password',
      type: 'boolean',
      default: false,
      description: 'Otherwise it is shown once in the panel',
    },
  ];
}

/** What a customer fills in: only systems that the product offers and the package still has. */
export async function checkoutFields(
  api: VirtFusion,
  { packageId, osIds }: Settings,
): Promise<Field[]> {
  const templates = (await api.templates(packageId)).filter(({ id }) => osIds.includes(id));
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
      options: templates.map(({ id, label }) => ({ value: id, label })),
    },
    {
      name: 'sshKey',
      label: 'SSH public key',
      type: 'textarea',
      description: 'One key, in OpenSSH form',
    },
  ];
}
