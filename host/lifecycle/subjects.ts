// What a call is about: calls that change one service or one invoice run one after the other. Pure.

/** Handlers that change something at a vendor, by category. */
const CHANGING: Readonly<Record<string, ReadonlySet<string>>> = {
  servers: new Set([
    'create',
    'suspend',
    'unsuspend',
    'terminate',
    'changePackage',
    'renew',
    'changePassword',
    'reconcile',
  ]),
  gateways: new Set([
    'pay',
    'refund',
    'capture',
    'void',
    'charge',
    'createBillingAgreement',
    'cancelBillingAgreement',
    'cancelSubscription',
  ]),
};

/** Whether a handler may have an effect at a vendor. */
export function isChanging(instance: string, handler: string): boolean {
  const category = instance.slice(0, instance.indexOf('/'));
  return handler.startsWith('actions.') || CHANGING[category]?.has(handler) === true;
}

/** The service, invoice or payment that a changing call is about; undefined: it may run beside any other. */
export function subjectOf(instance: string, handler: string, input: unknown): string | undefined {
  if (!isChanging(instance, handler)) return undefined;
  if (instance.startsWith('servers/')) {
    const service = idOf(input) ?? idOf(field(input, 'service')) ?? idOf(field(input, 'subject'));
    return service === undefined ? undefined : `service:${service}`;
  }
  const invoice =
    idOf(field(input, 'invoice')) ?? stringAt(field(input, 'transaction'), 'invoiceId');
  const thing = invoice ?? stringAt(input, 'externalId') ?? idOf(field(input, 'user'));
  return thing === undefined ? undefined : `payment:${thing}`;
}

function idOf(value: unknown): string | undefined {
  return stringAt(value, 'id');
}

function stringAt(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  // A text column of PostgreSQL holds no null character, and the subject is one.
  return typeof found === 'string' && found !== '' ? found.replaceAll('\0', '\uFFFD') : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
