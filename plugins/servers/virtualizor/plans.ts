// The plan that was sold, found among the master's, and the order for a server of it.

import { fail } from 'cofferdam/sdk';

import type { Settings } from './config.ts';
import type { Plan } from './shapes.ts';

/**
 * The plan that a product names: by its id or its whole name, and of the product's kind.
 *
 * @throws {ExtensionFailure} `invalid_input`
 */
export function planIn(plans: readonly Plan[], { plan, virt }: Settings): Plan {
  const ofKind = plans.filter((each) => each.virt === '' || each.virt === virt);
  const byId = ofKind.find(({ plid }) => plid === plan);
  const named = ofKind.filter(({ plan_name }) => plan_name === plan);
  const [found] = byId === undefined ? named : [byId];
  if (found !== undefined && (byId !== undefined || named.length === 1)) return found;
  const why = named.length > 1 ? 'names several plans' : 'names no plan';
  throw fail('invalid_input', `Product setting "plan" ${why} of kind ${virt}: "${plan}"`, {
    remedy: 'Choose the plan in the product again',
  });
}

/** What \`addvs\` takes: the resources of the plan as they are. */
export function orderOf(
  plan: Plan,
  { virt, serverGroup }: Settings,
  { uid, osid, hostname }: { uid: string; osid: string; hostname: string },
) {
  const given = (value: string): string | undefined => (value === '' ? undefined : value);
  return {
    virt,
    uid,
    osid,
    hostname,
    plid: plan.plid,
    server_group: serverGroup,
    space: plan.space,
    ram: plan.ram,
    swapram: plan.swap,
    bandwidth: plan.bandwidth,
    network_speed: plan.network_speed,
    cpu: plan.cpu,
    cores: plan.cores,
    cpu_percent: plan.cpu_percent,
    num_ips: plan.ips,
    num_ips6: plan.ips6,
    num_ips6_subnet: plan.ips6_subnet,
    vnc: plan.vnc,
    osreinstall_limit: plan.osreinstall_limit,
    kvm_cache: given(plan.kvm_cache),
    io_mode: given(plan.io_mode),
    vnc_keymap: given(plan.vnc_keymap),
    nic_type: given(plan.nic_type),
  };
}
