// Statements as a bank exports them, for the tests of bank transfer and for the demo. CAMT.053 is shaped
// after the ISO 20022 message, MT940 after SWIFT's field rules, both by hand.

/** The account that the statements are of. */
export const IBAN = 'DE89370400440532013000';

/** One booked entry of CAMT.053. */
export const entry = (text: string, amount = '19.99', more = '', sign = 'CRDT'): string =>
  `<Ntry><Amt Ccy="EUR">${amount}</Amt><CdtDbtInd>${sign}</CdtDbtInd>${more}<Sts><Cd>BOOK</Cd></Sts>
  <BookgDt><Dt>2026-11-24</Dt></BookgDt><NtryDtls><TxDtls><RmtInf><Ustrd>${text}</Ustrd></RmtInf>
  </TxDtls></NtryDtls></Ntry>`;

/** A file of CAMT.053 around its entries. */
export const camt = (entries: string, iban = IBAN): string =>
  `<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
  <BkToCstmrStmt><Stmt><Acct><Id><IBAN>${iban}</IBAN></Id></Acct>${entries}</Stmt></BkToCstmrStmt></Document>`;

/** A file of MT940 around its lines. */
export const mt940 = (lines: string): string =>
  `:20:STARTUMS\r\n:25:37040044/0532013000\r\n:28C:1/1\r\n:60F:C261123EUR100,00\r\n${lines}\r\n:62F:C261124EUR119,99\r\n-`;

/** One line of MT940 with its purpose broken over two numbered parts, as many banks do. */
export const line = (text: string, amount = '19,99', reference = 'B123'): string =>
  `:61:2611241124CR${amount}NTRFNONREF//${reference}\r\n` +
  `:86:166?00GUTSCHRIFT?20SVWZ+${text.slice(0, 9)}\r\n?21${text.slice(9)}?32ADA`;
