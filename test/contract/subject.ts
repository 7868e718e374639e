// One vendor's fake with its extension, as the claims about servers need it; and what they share to
// drive a handler to its end. `server.ts` holds the claims.

import assert from 'node:assert/strict';

import { isFailure } from 'cofferdam/sdk';
import type { FailureCode, JsonObject, ServerHandlers, ServerResult, Service } from 'cofferdam/sdk';

import type { TestContext } from '../helpers/context.ts';
import type { Vendor } from './vendor.ts';

/** A remote object as the fake has it. */
export type RemoteObject = {
  readonly id: string;
  readonly email: string;
  readonly state: 'active' | 'suspended';
  /** What the product settings decide: memory, plan, … */
  readonly size: unknown;
};

/** One vendor's fake with its extension, fresh for each claim. */
export type ServerSubject = AsyncDisposable & {
  readonly vendor: Vendor;
  /** A context of the instance; `isWrong` has credentials that the vendor refuses. */
  context(options?: {
    readonly isWrong?: boolean;
    readonly signal?: AbortSignal;
  }): TestContext<any>;
  /** A service that `create` accepts as it is, of the user ada@example.com. */
  service(id?: string): Service;
  /** The objects of the panel's services, in order of their making. */
  objects(): readonly RemoteObject[];
  /** Takes the object away behind the panel's back. */
  vanish(id: string): void;
  /** Makes a customer at the vendor. */
  addCustomer(email: string): void;
  /** Adds objects of others until a list has several pages; returns how many `list` must find. */
  fillPages?(): number;
  /** Lets the vendor's own pending work come to its end. */
  finishWork(): void;
};

/** What is particular to a vendor; patterns match `METHOD /path?query`. */
export type ServerVendor = {
  readonly name: string;
  readonly definition: ServerHandlers<any>;
  start(): Promise<ServerSubject>;
  /** Real values of all secrets, and whether a request has them where the manifest says. */
  readonly secrets: readonly string[];
  readonly hasCredentials: (request: Vendor['requests'][number]) => boolean;
  /** Parameters of the address that hold the credentials, where the vendor takes them nowhere else. */
  readonly credentialParameters?: readonly string[];
  readonly patterns: {
    /** The first request of `testConnection` */
    readonly probe: RegExp;
    /** The request by which `create` looks whether the object exists */
    readonly lookup: RegExp;
    /** The request that makes the object */
    readonly create: RegExp;
    /** The request that removes the object */
    readonly terminate: RegExp;
  };
  /** The vendor's refusal of one field of the create request, and the field's name. */
  readonly refusedField: {
    readonly reply: { status: number; json: unknown };
    readonly field: string;
  };
  /** What the vendor answers to an order when something is full, and when something is busy. */
  readonly refusals: readonly {
    readonly code: 'capacity' | 'locked';
    readonly reply: { readonly status: number; readonly json: unknown };
  }[];
  /** What the vendor answers to an order while it works on an earlier one for the same name. */
  readonly taken?: { readonly status: number; readonly json: unknown };
  /** How the vendor answers credentials it does not know. */
  readonly unauthorized: {
    readonly status: number;
    readonly json?: unknown;
    readonly html?: string;
  };
  /** Checkout values that try to be product settings. */
  readonly greedyCheckout: JsonObject;
  /** Settings of a larger product, and what the object's size is then. */
  readonly larger?: { readonly settings: JsonObject; readonly size: unknown };
  /** Where a login link may lead. */
  readonly loginHost?: string;
  /** A product setting that must not be sold, and the field `validate` names for it. */
  readonly badCheckout?: { readonly checkout: JsonObject; readonly field: string };
};

/** Asks `reconcile` until the operation is over, as the host does; keeps what is shown once. */
export async function settle(
  vendor: Pick<ServerVendor, 'definition'>,
  subject: ServerSubject,
  run: { readonly operation: string; readonly service: Service; readonly first: ServerResult },
): Promise<{ result: ServerResult; service: Service; oneTime: JsonObject }> {
  const { reconcile } = vendor.definition;
  let { first: result, service } = run;
  let oneTime: JsonObject = {};
  for (let tries = 0; ; tries += 1) {
    service = { ...service, properties: merge(service.properties, result.properties ?? {}) };
    if (result.status !== 'failed') oneTime = { ...oneTime, ...result.oneTime };
    if (result.status !== 'pending') return { result, service, oneTime };
    assert.ok(tries < 10, `"${run.operation}" is pending for ever`);
    assert.ok(reconcile, 'An extension that answers pending has no reconcile');
    subject.finishWork();
    result = await reconcile({ operation: run.operation, service }, subject.context());
  }
}

/** Properties as the panel keeps them: null forgets a name. */
function merge(before: JsonObject, change: JsonObject): JsonObject {
  const all = Object.entries({ ...before, ...change }).filter(([, value]) => value !== null);
  return Object.fromEntries(all);
}

/** The failure that a call ends in, thrown or returned; its code is asserted. */
export async function failureOf(
  promise: Promise<unknown>,
  code: FailureCode | readonly FailureCode[],
): Promise<{
  code: string;
  message: string;
  remedy?: string;
  retriable: boolean;
  retryAfterMs?: number;
}> {
  const codes: readonly string[] = typeof code === 'string' ? [code] : code;
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome) {
    assert.ok(isFailure(outcome.error), String((outcome.error as Error)?.stack ?? outcome.error));
    assert.ok(
      codes.includes(outcome.error.failure.code),
      `${codes.join('|')}: ${outcome.error.message}`,
    );
    return outcome.error.failure;
  }
  const result = outcome.value as ServerResult;
  assert.ok(result?.status === 'failed', `resolved with ${JSON.stringify(result)}`);
  assert.ok(codes.includes(result.error.code), result.error.message);
  return result.error;
}
