// Whether an order would succeed, asked before the sale: VirtFusion tries it without making anything.

import { isFailure } from 'cofferdam/sdk';
import type { JsonObject, Product, User } from 'cofferdam/sdk';

import type { VirtFusion } from './api.ts';
import { checkoutProblems, parseSettings } from './config.ts';
import { findCustomer } from './customers.ts';

/** A problem and the field that has it. */
export type Problem = { readonly field: string; readonly message: string };

/** What `create` would refuse. A trial needs a user: for a new customer the rest is checked alone. */
export async function problemsOf(
  api: VirtFusion,
  {
    product,
    checkout,
    user,
  }: { readonly product: Product; readonly checkout: JsonObject; readonly user?: User },
): Promise<Problem[]> {
  const settings = parseSettings(product.settings);
  const problems = checkoutProblems(checkout, settings);
  if (problems.length > 0) return problems;
  const { packageId, groupId, ipv4, osIds } = settings;
  const [packages, groups] = await Promise.all([api.packages(), api.groups()]);
  if (!packages.some(({ id, enabled }) => id === packageId && enabled))
    return [{ field: 'packageId', message: 'is no package on sale at VirtFusion' }];
  if (!groups.some(({ id, enabled }) => id === groupId && enabled))
    return [{ field: 'groupId', message: 'is no hypervisor group in use at VirtFusion' }];
  const wanted = Number(checkout['os'] ?? osIds[0]);
  if (!(await api.templates(packageId)).some(({ id }) => id === wanted))
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
