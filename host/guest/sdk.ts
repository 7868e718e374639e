// The SDK as extensions find it in the isolate, schemas apart: `z` is large and loaded only when used.

export {
  ExtensionFailure,
  fail,
  FAILURE_CODES,
  isFailure,
  isForgottenSecret,
  isRefusal,
  mayHaveActed,
  orAbsent,
} from '../../sdk/errors.ts';
export { problemFailure, readChoices, readOffered, readSettings } from '../../sdk/forms.ts';
export { defineGateway } from '../../sdk/gateway.ts';
export { isObject, parseJson, readPath, textOf } from '../../sdk/json.ts';
export { instanceName, makeMark, readMark } from '../../sdk/marks.ts';
export { currencyExponent, formatMinor, isMoney, money, parseMinor } from '../../sdk/money.ts';
export {
  checkPart,
  checkPayable,
  paidResult,
  readSince,
  refundResult,
} from '../../sdk/money-results.ts';
export { accountName, originOf, parseDomain, readDomain, urlHost } from '../../sdk/names.ts';
export { checkNoOrder, closeOrder, orderOnce } from '../../sdk/orders.ts';
export { defineOther } from '../../sdk/other.ts';
export { inTurns, readPages } from '../../sdk/pages.ts';
export { openPage } from '../../sdk/payment-page.ts';
export { createPassword, randomText, shuffle } from '../../sdk/random.ts';
export { createRemote } from '../../sdk/remote.ts';
export { networkFailure, readRetryAfter } from '../../sdk/remote-failures.ts';
export { defineServer } from '../../sdk/server.ts';
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
} from '../../sdk/started.ts';
export {
  createAmounts,
  digestKey,
  operationKey,
  pathId,
  plainWords,
  readAmount,
  readShape,
} from '../../sdk/vendor-values.ts';
