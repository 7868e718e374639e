// Whether an order would succeed, asked before the sale: VirtFusion tries it without making anything.

import { isFailure } from 'cofferdam/sdk';
import type { JsonObject, Problem, Product, User } from 'cofferdam/sdk';

import type { VirtFusion } from './api.ts';
import { parseSettings, readCheckout } from './config.ts';
import { findCustomer } from './customers.ts';

/** What `create` would refuse. A trial needs a user: for a new customer the rest is checked alone. */
export async function problemsOf(
  api: VirtFusion,
  {
    product,
    checkout,
    user,
  }: { readonly product: Product; readonly checkout: JsonObject; readonly user?: User },
): Promise<readonly Problem[]> {
  const settings = parseSettings(product.settings);
  const read = readCheckout(checkout, settings);
  if ('problems' in read) return read.problems;
  const { packageId, groupId, ipv4 } = settings;
  const [packages, groups] = await Promise.all([api.packages(), api.groups()]);
  if (!packages.some(({ id, enabled }) => id === packageId && enabled))
    return [{ field: 'packageId', message: 'is no package on sale at VirtFusion' }];
  if (!groups.some(({ id, enabled }) => id === groupId && enabled))
    return [{ field: 'groupId', message: 'is no hypervisor group in use at VirtFusion' }];
  if (!(await api.templates(packageId)).some(({ id }) => id === read.choices.osId))
    return [{ field: 'os', message: 'is not offered with this package any more' }];
  const userId = user === undefined ? undefined : await findCustomer(api, user);
  if (userId === undefined) return [];
  try {
    await api.tryServer({ packageId, userId, hypervisorId: groupId, ipv4 });
    return [];
  } catch (error) {
    if (!isFailure(error, 'rejected') && !isFailure(error, 'capacity')) throw error;
    return [
      { field: isFailure(error, 'capacity') ? 'groupId' : 'packageId', message: error.message },
    ];
  }
}
