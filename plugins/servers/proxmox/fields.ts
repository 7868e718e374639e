// The forms of a product and of a checkout, with what the cluster really has to choose from.

import type { Field, JsonObject } from 'cofferdam/sdk';

import type { Proxmox } from './api.ts';

type Option = { value: string; label: string };
const optionsOf = (values: readonly string[]): Option[] =>
  values.map((value) => ({ value, label: value }));

/** The product form; asked again when node, type or source change. */
export async function productFields(api: Proxmox, values: JsonObject): Promise<Field[]> {
  const nodes = (await api.nodes())
    .filter(({ status }) => status !== 'offline')
    .map(({ node }) => node)
    .toSorted();
  const node = String(values['node'] ?? nodes[0] ?? '');
  const type = values['type'] === 'lxc' ? 'lxc' : 'qemu';
  const source = String(values['source'] ?? 'clone');
  const head: Field[] = [
    {
      name: 'node',
      label: 'Node',
      type: 'select',
      required: true,
      live: true,
      options: optionsOf(nodes),
    },
    {
      name: 'type',
      label: 'Type',
      type: 'select',
      required: true,
      live: true,
      default: 'qemu',
      options: [
        { value: 'qemu', label: 'Virtual machine (QEMU)' },
        { value: 'lxc', label: 'Container (LXC)' },
      ],
    },
    {
      name: 'source',
      label: 'Made from',
      type: 'select',
      required: true,
      live: true,
      default: 'clone',
      options: [
        { value: 'clone', label: 'Clone of a template' },
        type === 'lxc'
          ? { value: 'template', label: 'Container template' }
          : { value: 'iso', label: 'Empty disk and an ISO' },
      ],
    },
  ];
  if (!nodes.includes(node)) return head;
  const sourceFields = await fieldsOfSource(api, { node, type, source });
  return [...head, ...sourceFields, ...sizeFields(type), ...(await placeFields(api, node))];
}

async function fieldsOfSource(
  api: Proxmox,
  { node, type, source }: { node: string; type: 'qemu' | 'lxc'; source: string },
): Promise<Field[]> {
  const storages = (await api.storages(node)).filter(
    ({ active }) => active !== 0 && active !== false,
  );
  const holding = (content: string): string[] =>
    storages
      .filter((each) => each.content.split(',').includes(content))
      .map(({ storage }) => storage);
  const disks = holding(type === 'lxc' ? 'rootdir' : 'images');
  const storage: Field = {
    name: 'storage',
    label: 'Storage',
    type: 'select',
    required: source !== 'clone',
    options: optionsOf(disks),
  };
  if (source === 'clone') {
    const templates = (await api.guests()).filter(
      (each) => each.type === type && Boolean(each.template),
    );
    const options = templates.map(({ vmid, name }) => ({
      value: vmid,
      label: `${vmid} ${name ?? ''}`.trim(),
    }));
    const cloud: Field[] =
      type === 'qemu'
        ? [
            {
              name: 'cloudInit',
              label: 'Set password, keys and address by cloud-init',
              type: 'boolean',
              default: true,
            },
            {
              name: 'user',
              label: 'User',
              type: 'text',
              description: 'Empty: the one of the image',
            },
          ]
        : [];
    return [
      { name: 'template', label: 'Template', type: 'select', required: true, options },
      storage,
      ...cloud,
    ];
  }
  const content = type === 'lxc' ? 'vztmpl' : 'iso';
  const lists = await Promise.all(holding(content).map((each) => api.content(node, each, content)));
  return [
    ...imageFields(
      type,
      lists.flat().map(({ volid }) => volid),
    ),
    storage,
  ];
}

function imageFields(type: 'qemu' | 'lxc', volumes: readonly string[]): Field[] {
  const options = optionsOf(volumes);
  if (type === 'lxc') {
    return [
      { name: 'ostemplate', label: 'Container template', type: 'select', required: true, options },
    ];
  }
  const buses = optionsOf(['scsi', 'virtio', 'sata', 'ide']);
  return [
    { name: 'iso', label: 'ISO image', type: 'select', options },
    { name: 'disk', label: 'Disk bus', type: 'select', default: 'scsi', options: buses },
  ];
}

function sizeFields(type: 'qemu' | 'lxc'): Field[] {
  return [
    { name: 'cores', label: 'Cores', type: 'number', required: true, default: 1, min: 1, max: 512 },
    ...(type === 'qemu'
      ? [{ name: 'sockets', label: 'Sockets', type: 'number', default: 1, min: 1, max: 4 } as const]
      : [{ name: 'swapMiB', label: 'Swap (MiB)', type: 'number', default: 512, min: 0 } as const]),
    {
      name: 'memoryMiB',
      label: 'Memory (MiB)',
      type: 'number',
      required: true,
      default: 1_024,
      min: 16,
    },
    { name: 'diskGiB', label: 'Disk (GiB)', type: 'number', required: true, default: 10, min: 1 },
    { name: 'rateMbps', label: 'Network limit (Mbit/s)', type: 'number', min: 1 },
    { name: 'vlan', label: 'VLAN tag', type: 'number', min: 1, max: 4_094 },
    { name: 'firewall', label: 'Firewall on', type: 'boolean', default: false },
    {
      name: 'ipConfig',
      label: 'IP configuration',
      type: 'text',
      default: 'ip=dhcp',
      description: 'Such as ip=dhcp or ip=192.0.2.10/24,gw=192.0.2.1',
    },
    { name: 'start', label: 'Start when created', type: 'boolean', default: true },
  ];
}

async function placeFields(api: Proxmox, node: string): Promise<Field[]> {
  const [bridges, pools] = await Promise.all([api.bridges(node), api.pools()]);
  return [
    {
      name: 'bridge',
      label: 'Bridge',
      type: 'select',
      required: true,
      default: 'vmbr0',
      options: optionsOf(bridges.map(({ iface }) => iface)),
    },
    {
      name: 'pool',
      label: 'Pool',
      type: 'select',
      options: optionsOf(pools.map(({ poolid }) => poolid)),
    },
  ];
}

/** What a customer fills in. */
export const CHECKOUT_FIELDS: readonly Field[] = [
  {
    name: 'hostname',
    label: 'Host name',
    type: 'text',
    description: 'A DNS name, such as web1.example.com',
  },
  {
    name: 'sshKeys',
    label: 'SSH public keys',
    type: 'textarea',
    description: 'One a line, in OpenSSH form',
  },
];
