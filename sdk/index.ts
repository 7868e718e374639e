// The public names of the SDK, re-exported once. Imports zod only, no Node.

export type {
  Call,
  Context,
  Log,
  Storage,
  WebhookCheck,
  Webhooks,
  WebhookScheme,
} from './capabilities.ts';
export type * from './domain.ts';
export {
  ExtensionFailure,
  fail,
  FAILURE_CODES,
  isFailure,
  isForgottenSecret,
  isRefusal,
  mayHaveActed,
  orAbsent,
} from './errors.ts';
export type { Failure, FailureCode } from './errors.ts';
export type { Action, ActionResult, CheckResult, EventMessage } from './extension.ts';
export { flag, hostName, panelAddress, panelHost, panelPort, whole } from './fields.ts';
export { problemFailure, readChoices, readOffered, readSettings } from './forms.ts';
export { defineGateway } from './gateway.ts';
export type {
  AgreementWish,
  BillingAgreement,
  Capture,
  Charge,
  GatewayHandlers,
  MoneyResult,
  Payment,
  PayResult,
  Refund,
  WebhookResult,
} from './gateway.ts';
export { isObject, parseJson, readPath, textOf } from './json.ts';
export { instanceName, makeMark, readMark } from './marks.ts';
export { currencyExponent, formatMinor, isMoney, money, parseMinor } from './money.ts';
export type { Money } from './money.ts';
export { checkPart, checkPayable, paidResult, readSince, refundResult } from './money-results.ts';
export { accountName, originOf, parseDomain, readDomain, urlHost } from './names.ts';
export { checkNoOrder, closeOrder, orderOnce } from './orders.ts';
export { defineOther } from './other.ts';
export type { OtherHandlers, Page } from './other.ts';
export { inTurns, readPages } from './pages.ts';
export type { ListPage } from './pages.ts';
export { openPage } from './payment-page.ts';
export type { Earlier, Pages } from './payment-page.ts';
export { createPassword, randomText, shuffle } from './random.ts';
export { createRemote } from './remote.ts';
export type { Remote, RemoteRequest } from './remote.ts';
export { networkFailure, readRetryAfter } from './remote-failures.ts';
export type { Explanation, RemoteReply } from './remote-failures.ts';
export { fingerprint, secret, z } from './schema.ts';
export { defineServer } from './server.ts';
export type { LoginUrl, RemoteService, ServerHandlers, ServerResult, Usage } from './server.ts';
export {
  claimInvoice,
  forgetStarted,
  isClaim,
  isSameStart,
  listStarted,
  lockedInvoice,
  readStarted,
  rememberStarted,
  startedNow,
} from './started.ts';
export type { Started } from './started.ts';
export {
  createAmounts,
  digestKey,
  operationKey,
  pathId,
  plainWords,
  readAmount,
  readShape,
} from './vendor-values.ts';
export type { Amounts } from './vendor-values.ts';
