// What the fake refuses, in Stripe's words: errors and the checks that several requests share.

import type { FormValue } from './form.ts';
import type { Params, StripeObject } from './objects.ts';

/** Everything that exists at the fake, by id. */
export type Objects = Map<string, StripeObject>;

/** An error as Stripe reports it. */
export class Refusal extends Error {
  readonly status: number;
  readonly error: Readonly<Record<string, unknown>>;
  /** False for parameters that were refused before anything ran: then no idempotent result is kept. */
  readonly kept: boolean;

  constructor(status: number, error: Record<string, unknown>, kept = true) {
    super(String(error['message']));
    this.status = status;
    this.error = error;
    this.kept = kept;
  }
}

/** A parameter that is missing or makes no sense. */
export function badParam(param: string, code: string, message: string): Refusal {
  return new Refusal(400, { type: 'invalid_request_error', code, param, message }, false);
}

/** Something that does not exist: 404 for the object asked for, 400 for one that a parameter names. */
export function missing(kind: string, id: string, param: string, status = 404): Refusal {
  const message = `No such ${kind}: '${id}'`;
  const code = 'resource_missing';
  return new Refusal(status, { type: 'invalid_request_error', code, param, message });
}

/** One object by id. @throws {Refusal} `resource_missing` */
export function find(objects: Objects, kind: string, id: string): StripeObject {
  const found = objects.get(id);
  if (found?.object !== kind) throw missing(kind, id, 'id');
  return found;
}

/** Keeps an object. */
export function save(objects: Objects, object: StripeObject): StripeObject {
  objects.set(object.id, object);
  return object;
}

/** An amount that Stripe would take in this currency. */
export function amountOf(value: FormValue | undefined, currency: string, param: string): number {
  if (typeof value !== 'string') throw badParam(param, 'parameter_missing', `Missing: ${param}.`);
  if (!/^\d+$/.test(value)) {
    throw badParam(param, 'parameter_invalid_integer', `Invalid integer: ${value}`);
  }
  const amount = Number(value);
  if (currency !== currency.toLowerCase()) {
    throw badParam('currency', 'currency_invalid', `Invalid currency: ${currency}`);
  }
  const step = /^(?:bhd|jod|kwd|omr|tnd)$/.test(currency)
    ? 10
    : /^(?:isk|ugx)$/.test(currency)
      ? 100
      : 1;
  if (amount % step !== 0) {
    throw badParam(param, 'invalid_charge_amount', `Invalid amount in ${currency}: ${value}`);
  }
  if (amount < 50 && /^(?:usd|eur)$/.test(currency)) {
    throw badParam(param, 'amount_too_small', 'The amount must be at least 50 cents.');
  }
  return amount;
}

/** A required text parameter. */
export function text(params: Params, name: string): string {
  const value = params[name];
  if (typeof value !== 'string') {
    throw badParam(name, 'parameter_missing', `Missing required param: ${name}.`);
  }
  return value;
}

/** Refuses a customer that does not exist. */
export function checkCustomer(objects: Objects, params: Params): void {
  const id = params['customer'];
  if (typeof id === 'string' && objects.get(id)?.object !== 'customer') {
    throw missing('customer', id, 'customer', 400);
  }
}
