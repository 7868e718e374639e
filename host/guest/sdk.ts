// The SDK as extensions find it in the isolate, schemas apart: `z` is large and loaded only when used.

export { parseDomain, readDomain } from '../../sdk/domain-names.ts';
export {
  ExtensionFailure,
  fail,
  FAILURE_CODES,
  isFailure,
  isForgottenSecret,
} from '../../sdk/errors.ts';
export { defineGateway } from '../../sdk/gateway.ts';
export { isObject, parseJson } from '../../sdk/json.ts';
export { instanceName, makeMark, readMark } from '../../sdk/marks.ts';
export { currencyExponent, formatMinor, isMoney, money, parseMinor } from '../../sdk/money.ts';
export { defineOther } from '../../sdk/other.ts';
export { createPassword, randomText } from '../../sdk/passwords.ts';
export { createRemote } from '../../sdk/remote.ts';
export { networkFailure, readRetryAfter } from '../../sdk/remote-failures.ts';
export { defineServer } from '../../sdk/server.ts';
export {
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
  checkPart,
  createAmounts,
  digestKey,
  operationKey,
  pathId,
  readAmount,
  readShape,
} from '../../sdk/vendor-values.ts';
