// The lists of a master, read to their end.

import { readPages } from 'cofferdam/sdk';
import type { z } from 'cofferdam/sdk';

import type { Get, Values } from './acts.ts';
import { listOf, planShape, taskShape, userShape, vpsShape } from './shapes.ts';
import type { Plan, Task, User, Vps } from './shapes.ts';

/** Virtualizor's own page size. */
const PAGE_SIZE = 50;
/** 20 000 objects: beyond that a list says so instead of being cut. */
const PAGES_MAX = 400;

/** One kind of list. */
export type ListOf<T> = {
  readonly act: string;
  /** The name of the list in a reply */
  readonly key: string;
  readonly shape: z.ZodType<T>;
  readonly idOf: (item: T) => string;
};

/** Reads a list to its end. An act that knows no pages gives the same items again: they count once. */
export async function readList<T>(
  get: Get,
  { act, key, shape, idOf }: ListOf<T>,
  query: Values = {},
): Promise<T[]> {
  const ids = new Set<string>();
  const list = { what: `Virtualizor: act=${act}`, pagesMax: PAGES_MAX };
  return await readPages(list, async (page) => {
    const paged = { ...query, page, reslen: PAGE_SIZE };
    const batch = await get(act, { query: paged, shape: listOf(key, shape) });
    const items = batch.filter((item) => !ids.has(idOf(item)));
    for (const item of items) ids.add(idOf(item));
    return { items, isLast: batch.length < PAGE_SIZE || items.length === 0 };
  });
}

/** The plans that can be sold. */
export const PLANS: ListOf<Plan> = {
  act: 'plans',
  key: 'plans',
  shape: planShape,
  idOf: ({ plid }) => plid,
};
/** Customers and admins. */
export const USERS: ListOf<User> = {
  act: 'users',
  key: 'users',
  shape: userShape,
  idOf: ({ uid }) => uid,
};
/** Virtual servers. */
export const VPSES: ListOf<Vps> = {
  act: 'vs',
  key: 'vs',
  shape: vpsShape,
  idOf: ({ vpsid }) => vpsid,
};
/** Work in the background. */
export const TASKS: ListOf<Task> = {
  act: 'tasks',
  key: 'tasks',
  shape: taskShape,
  idOf: ({ actid }) => actid,
};
