// Money: an integer number of the currency's smallest unit and its ISO 4217 code. Never a float.

/** An amount of money. */
export type Money = {
  /** Integer in the smallest unit: 1999 is 19.99 EUR, 1999 JPY, 1.999 KWD. */
  readonly amountMinor: number;
  /** ISO 4217, upper case */
  readonly currency: string;
};

// ISO 4217 active codes whose exponent is not 2; every other three-letter active code has 2.
const ZERO = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF';
const THREE = 'BHD IQD JOD KWD LYD OMR TND';
const FOUR = 'CLF UYW';
const TWO =
  'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD ' +
  'CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP ' +
  'GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD ' +
  'MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP ' +
  'PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT ' +
  'TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG';

const EXPONENTS = new Map<string, number>();
for (const [codes, exponent] of [
  [ZERO, 0],
  [TWO, 2],
  [THREE, 3],
  [FOUR, 4],
] as const) {
  for (const code of codes.split(' ')) EXPONENTS.set(code, exponent);
}

/**
 * How many decimals a currency has.
 *
 * @param currency ISO 4217, any case
 * @returns 0, 2, 3 or 4
 * @throws {RangeError} When the code is not an active ISO 4217 currency
 */
export function currencyExponent(currency: string): number {
  const exponent = EXPONENTS.get(currency.toUpperCase());
  if (exponent === undefined) throw new RangeError(`Unknown ISO 4217 currency "${currency}"`);
  return exponent;
}

/** Whether a value is well-formed money: a safe integer and a known currency in upper case. */
export function isMoney(value: unknown): value is Money {
  if (typeof value !== 'object' || value === null) return false;
  const { amountMinor, currency } = value as { amountMinor?: unknown; currency?: unknown };
  return (
    Number.isSafeInteger(amountMinor) && typeof currency === 'string' && EXPONENTS.has(currency)
  );
}

/** Makes money, checked. @throws {RangeError} When the amount is no safe integer or the currency unknown */
export function money(amountMinor: number, currency: string): Money {
  if (!Number.isSafeInteger(amountMinor)) {
    throw new RangeError(`Amount "${amountMinor}" must be an integer in minor units`);
  }
  currencyExponent(currency);
  return { amountMinor, currency: currency.toUpperCase() };
}

/** The decimal text of an amount, as PayPal and Mollie take it: 1999 EUR → "19.99", 1999 JPY → "1999". */
export function formatMinor({ amountMinor, currency }: Money): string {
  const exponent = currencyExponent(currency);
  const sign = amountMinor < 0 ? '-' : '';
  const digits = String(Math.abs(amountMinor)).padStart(exponent + 1, '0');
  if (exponent === 0) return sign + digits;
  return `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/**
 * Reads a decimal text into minor units without passing through a float.
 *
 * Fewer decimals than the currency has are fine ("19.9" EUR); more are fine only when they are zeros.
 *
 * @throws {RangeError} When the text is no plain decimal number or too precise for the currency
 */
export function parseMinor(text: string, currency: string): Money {
  const exponent = currencyExponent(currency);
  const [matched, sign = '', whole = '', fraction = ''] =
    /^(-?)(\d{1,15})(?:\.(\d{1,10}))?$/.exec(text) ?? [];
  if (matched === undefined || /[^0]/.test(fraction.slice(exponent))) {
    throw new RangeError(
      `Amount "${text}" must be a decimal number with at most ${exponent} decimals`,
    );
  }
  const amountMinor = Number(sign + whole + fraction.slice(0, exponent).padEnd(exponent, '0'));
  return money(amountMinor === 0 ? 0 : amountMinor, currency);
}
