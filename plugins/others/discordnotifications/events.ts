// The events that can be posted: which values a message shows, under which name, in which colour.
// Only what is listed here leaves the panel: no phone, no address, no custom property.

const COLORS = { good: 0x2e9e5b, info: 0x4654c0, warn: 0xd98a00, bad: 0xc0392b } as const;

/** One value of an event: where it stands, and how it is shown. */
export type Shown = {
  readonly label: string;
  readonly paths: readonly string[];
  readonly as?: 'money' | 'email' | 'name';
  readonly inline?: boolean;
};

const user = (prefix: string): readonly Shown[] => [
  {
    label: 'Customer',
    paths: [`${prefix}.name`, prefix, 'user_name', 'userName', 'customer'],
    as: 'name',
    inline: true,
  },
  { label: 'E-mail', paths: [`${prefix}.email`, 'user_email', 'email'], as: 'email', inline: true },
];
const ORDER: readonly Shown[] = [
  {
    label: 'Order',
    paths: ['order.number', 'order.id', 'orderId', 'order_id', 'number', 'id'],
    inline: true,
  },
  { label: 'Total', paths: ['order.total', 'total', 'amount'], as: 'money', inline: true },
  {
    label: 'Product',
    paths: ['product.name', 'order.product.name', 'productName', 'product_name', 'product'],
  },
  ...user('user'),
];
const INVOICE: readonly Shown[] = [
  {
    label: 'Invoice',
    paths: ['invoice.number', 'invoice.id', 'invoiceId', 'invoice_id', 'number', 'id'],
    inline: true,
  },
  { label: 'Total', paths: ['invoice.total', 'total', 'amount'], as: 'money', inline: true },
  { label: 'Status', paths: ['invoice.status', 'status'], inline: true },
  ...user('user'),
];
const PAYMENT: readonly Shown[] = [
  {
    label: 'Amount',
    paths: ['amount', 'fact.amount', 'payment.amount', 'fact', 'total'],
    as: 'money',
    inline: true,
  },
  {
    label: 'Invoice',
    paths: ['invoice.number', 'invoice.id', 'fact.invoiceId', 'invoiceId', 'invoice_id'],
    inline: true,
  },
  { label: 'Gateway', paths: ['gateway.name', 'gateway'], inline: true },
  {
    label: 'Transaction',
    paths: [
      'fact.externalId',
      'payment.externalId',
      'externalId',
      'transactionId',
      'transaction_id',
    ],
  },
  ...user('user'),
];
const TICKET: readonly Shown[] = [
  {
    label: 'Ticket',
    paths: ['ticket.number', 'ticket.id', 'ticketId', 'ticket_id', 'number', 'id'],
    inline: true,
  },
  { label: 'Priority', paths: ['ticket.priority', 'priority'], inline: true },
  { label: 'Department', paths: ['ticket.department', 'department'], inline: true },
  { label: 'Subject', paths: ['ticket.subject', 'subject', 'title'] },
  ...user('user'),
];
const SERVICE: readonly Shown[] = [
  {
    label: 'Service',
    paths: ['service.name', 'service.id', 'serviceId', 'service_id', 'id'],
    inline: true,
  },
  {
    label: 'Product',
    paths: ['product.name', 'service.product.name', 'productName', 'product'],
    inline: true,
  },
  { label: 'Status', paths: ['service.status', 'status'], inline: true },
  ...user('service.user'),
  ...user('user'),
];
const USER: readonly Shown[] = [
  { label: 'User', paths: ['user.id', 'userId', 'user_id', 'id'], inline: true },
  { label: 'Name', paths: ['user.name', 'user', 'name', 'user_name'], as: 'name', inline: true },
  { label: 'E-mail', paths: ['user.email', 'user_email', 'email'], as: 'email', inline: true },
];

/** Every event that can be posted: its title, colour and the values it shows. */
export const EVENTS = {
  'order.created': { title: 'New order', color: COLORS.good, shows: ORDER },
  'order.updated': { title: 'Order changed', color: COLORS.info, shows: ORDER },
  'order.cancelled': { title: 'Order cancelled', color: COLORS.warn, shows: ORDER },
  'invoice.created': { title: 'New invoice', color: COLORS.info, shows: INVOICE },
  'invoice.updated': { title: 'Invoice changed', color: COLORS.info, shows: INVOICE },
  'invoice.paid': { title: 'Invoice paid', color: COLORS.good, shows: INVOICE },
  'invoice.overdue': { title: 'Invoice overdue', color: COLORS.bad, shows: INVOICE },
  'invoice.cancelled': { title: 'Invoice cancelled', color: COLORS.warn, shows: INVOICE },
  'payment.processing': { title: 'Payment on its way', color: COLORS.info, shows: PAYMENT },
  'payment.succeeded': { title: 'Payment received', color: COLORS.good, shows: PAYMENT },
  'payment.failed': { title: 'Payment failed', color: COLORS.bad, shows: PAYMENT },
  'payment.refunded': { title: 'Payment refunded', color: COLORS.warn, shows: PAYMENT },
  'payment.disputed': { title: 'Payment disputed', color: COLORS.bad, shows: PAYMENT },
  'ticket.created': { title: 'New ticket', color: COLORS.warn, shows: TICKET },
  'ticket.updated': { title: 'Ticket changed', color: COLORS.info, shows: TICKET },
  'ticket.replied': { title: 'New reply to a ticket', color: COLORS.warn, shows: TICKET },
  'ticket.closed': { title: 'Ticket closed', color: COLORS.good, shows: TICKET },
  'service.created': { title: 'New service', color: COLORS.good, shows: SERVICE },
  'service.updated': { title: 'Service changed', color: COLORS.info, shows: SERVICE },
  'service.upgraded': { title: 'Service upgraded', color: COLORS.good, shows: SERVICE },
  'service.cancellation_requested': {
    title: 'Cancellation requested',
    color: COLORS.warn,
    shows: SERVICE,
  },
  'service.suspended': { title: 'Service suspended', color: COLORS.warn, shows: SERVICE },
  'service.unsuspended': { title: 'Service active again', color: COLORS.good, shows: SERVICE },
  'service.terminated': { title: 'Service terminated', color: COLORS.bad, shows: SERVICE },
  'user.created': { title: 'New user', color: COLORS.good, shows: USER },
  'user.updated': { title: 'User changed', color: COLORS.info, shows: USER },
  'user.deleted': { title: 'User deleted', color: COLORS.warn, shows: USER },
} as const satisfies {
  [name: string]: { title: string; color: number; shows: readonly Shown[] };
};

/** One of the names in `EVENTS`. */
export type EventName = keyof typeof EVENTS;

/** The same names as a list, in the order the form shows them. */
export const EVENT_NAMES: readonly EventName[] = Object.keys(EVENTS).filter(isEventName);

/** Every label that a message may show a value under. */
export const LABELS: readonly string[] = [
  ...new Set(Object.values(EVENTS).flatMap(({ shows }) => shows.map(({ label }) => label))),
  'Changed',
];

/** The names that the panel this grew out of used with `execute`. */
export const LEGACY_NAMES: ReadonlyMap<string, EventName> = new Map([
  ['new_user', 'user.created'],
  ['new_order', 'order.created'],
  ['payment', 'payment.succeeded'],
  ['ticket', 'ticket.created'],
]);

function isEventName(name: string): name is EventName {
  return Object.hasOwn(EVENTS, name);
}
