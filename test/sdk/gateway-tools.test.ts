// What the SDK gives to gateways: marks, memories of what was started, keys, values of vendors.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import {
  checkPart,
  checkPayable,
  claimInvoice,
  createAmounts,
  forgetStarted,
  isFailure,
  listStarted,
  makeMark,
  openPage,
  operationKey,
  paidResult,
  pathId,
  readAmount,
  readMark,
  readShape,
  readSince,
  readStarted,
  refundResult,
  rememberStarted,
  z,
} from 'cofferdam/sdk';
import type { Earlier, Fact, Started } from 'cofferdam/sdk';

import { createStorage, createTestContext } from '../helpers/context.ts';

const options = { timeout: 5_000 };
const storage = () => createStorage(new Map(), Date.now);
const started = (id: string, operation: string): Started => ({
  id,
  operation,
  mode: 'order',
  amountMinor: 1,
  currency: 'EUR',
  atMs: 0,
});

it('reads its own mark, and that of no other instance', options, async () => {
  const [mine, theirs] = [storage(), storage()];
  const mark = await makeMark(mine, 'inv.1', 127);
  assert.match(mark, /^[0-9a-f]{12}\.inv\.1$/);
  assert.equal(await readMark(mine, mark), 'inv.1');
  for (const other of [await makeMark(theirs, 'inv.1', 127), 'inv.1', '', null, undefined]) {
    assert.equal(await readMark(mine, other), undefined);
  }
});

it('gives two calls at once one name', options, async () => {
  const shared = storage();
  const [a, b] = await Promise.all([makeMark(shared, '1', 20), makeMark(shared, '1', 20)]);
  assert.equal(a, b);
});

it('marks ids at its limit and refuses those over it', options, async () => {
  assert.equal((await makeMark(storage(), 'x'.repeat(7), 20)).length, 20);
  for (const id of ['x'.repeat(8), '', 'a\nb']) {
    await assert.rejects(makeMark(storage(), id, 20), { name: 'ExtensionFailure' });
  }
});

it('remembers one of two that are started at once, and its repeat', options, async () => {
  const shared = storage();
  const remember = (one: Started) =>
    rememberStarted(shared, '42', { started: one, replaces: null });
  assert.equal(await remember(started('a', 'op-1')), true);
  assert.equal(await remember(started('b', 'op-2')), false);
  assert.equal(await remember(started('a', 'op-1')), true);
  assert.equal((await readStarted(shared, '42'))?.id, 'a');
  assert.deepEqual(await listStarted(shared, 10), [
    { invoiceId: '42', started: started('a', 'op-1') },
  ]);
});

it('forgets only what is still remembered', options, async () => {
  const shared = storage();
  await rememberStarted(shared, '42', { started: started('a', 'op-1'), replaces: null });
  await forgetStarted(shared, '42', { id: 'b' });
  await forgetStarted(shared, '42', { operation: 'op-2' });
  assert.equal((await readStarted(shared, '42'))?.id, 'a');
  await forgetStarted(shared, '42', { id: 'a' });
  assert.equal(await readStarted(shared, '42'), null);
});

it('makes the same short key on every try of one step', options, async () => {
  const keyOf = (operationId: string, step: string) => {
    const { call } = createTestContext({ config: {}, fetch, call: { operationId } });
    return operationKey(call, step);
  };
  assert.match(await keyOf('op', 'refund'), /^[0-9a-f]{32}$/);
  assert.equal(await keyOf('op', 'refund'), await keyOf('op', 'refund'));
  const others = [await keyOf('op', 'capture'), await keyOf('op2', 'refund')];
  assert.ok(!others.includes(await keyOf('op', 'refund')));
});

it('names the field that a vendor got wrong, never its value', options, () => {
  const shape = z.object({ amount: z.object({ value: z.string() }) });
  assert.deepEqual(readShape(shape, { amount: { value: '1', more: 1 } }, 'x'), {
    amount: { value: '1' },
  });
  assert.throws(
    () => readShape(shape, { amount: { value: 4711 } }, 'The answer'),
    (error: Error) => /no usable "amount.value"/.test(error.message) && !/4711/.test(error.message),
  );
});

it('reads exact amounts and refuses all others', options, () => {
  assert.deepEqual(readAmount('1.234', 'KWD', 'V'), { amountMinor: 1234, currency: 'KWD' });
  for (const [text, currency] of [
    ['1.001', 'EUR'],
    ['1e3', 'EUR'],
    ['0x10', 'EUR'],
    ['', 'EUR'],
    ['1', 'XXX'],
  ] as const) {
    assert.throws(() => readAmount(text, currency, 'V'), { name: 'ExtensionFailure' });
  }
});

it('lets no id leave its place in a path', options, () => {
  assert.equal(pathId('tr_7UhSN1zuXS', 'V'), 'tr_7UhSN1zuXS');
  for (const id of ['../x', 'a/b', 'a?b', 'a#b', '.', '', 'a%2fb', 'x'.repeat(101)]) {
    assert.throws(() => pathId(id, 'V'), { name: 'ExtensionFailure' });
  }
});

it('takes a part at its limits and refuses what is over them', options, () => {
  const whole = { amount: { amountMinor: 100, currency: 'EUR' } };
  for (const amountMinor of [1, 100]) {
    assert.equal(checkPart({ amountMinor, currency: 'EUR' }, whole).amountMinor, amountMinor);
  }
  for (const amount of [
    { amountMinor: 0, currency: 'EUR' },
    { amountMinor: 101, currency: 'EUR' },
    { amountMinor: 1, currency: 'USD' },
  ]) {
    assert.throws(() => checkPart(amount, whole), { name: 'ExtensionFailure' });
  }
});

it('writes amounts as a vendor takes them, or not at all', options, () => {
  const amounts = createAmounts({ vendor: 'V', currencies: 'EUR JPY KWD TWD', whole: 'TWD' });
  const format = (amountMinor: number, currency: string) =>
    amounts.format({ amountMinor, currency });
  assert.deepEqual(
    [format(1999, 'EUR'), format(500, 'JPY'), format(1234, 'KWD'), format(10_000, 'TWD')],
    ['19.99', '500', '1.234', '100'],
  );
  assert.equal(amounts.findObstacle({ amountMinor: 1, currency: 'EUR' }), undefined);
  for (const [amountMinor, currency] of [
    [10_001, 'TWD'],
    [1, 'USD'],
  ] as const) {
    assert.throws(() => format(amountMinor, currency), { name: 'ExtensionFailure' });
  }
});

it('opens one page for an invoice, whoever asks and however often', options, async () => {
  const shared = new Map();
  const amount = { amountMinor: 1, currency: 'EUR' };
  const opened: string[] = [];
  const closed: string[] = [];
  const ask = async (operationId: string) => {
    const ctx = createTestContext({ config: {}, fetch, storage: shared, call: { operationId } });
    const look = async (): Promise<Earlier> => {
      const one = await readStarted(ctx.storage, '42');
      return one === null
        ? { kind: 'none', replaces: null }
        : { kind: 'open', id: one.id, url: `https://pay.example/${one.id}` };
    };
    const open = async () => {
      const id = `p${opened.push(operationId)}`;
      return { id, url: `https://pay.example/${id}` };
    };
    const close = async (id: string) => closed.push(id);
    return await openPage(ctx, { invoiceId: '42', amount, mode: 'page' }, { look, open, close });
  };
  const [a, b] = await Promise.all([ask('a'), ask('b')]);
  assert.deepEqual(a, { kind: 'redirect', url: 'https://pay.example/p1', externalId: 'p1' });
  assert.deepEqual([b, closed], [a, ['p2']]);
  assert.deepEqual([await ask('c'), opened.length], [a, 2]);
});

it('lets one charge through, and its repeat', options, async () => {
  const storage = new Map();
  const claim = (operationId: string) => {
    const ctx = createTestContext({ config: {}, fetch, storage, call: { operationId } });
    const amount = { amountMinor: 1, currency: 'EUR' };
    return claimInvoice(ctx, '42', { amount, replaces: null });
  };
  assert.equal((await claim('a')).operation, 'a');
  assert.equal((await claim('a')).id, '');
  await assert.rejects(claim('b'), (error) => isFailure(error, 'locked'));
});

it('tells how money moved by the facts alone', options, () => {
  const fact = (kind: Fact['kind'], state: Fact['state']): Fact => ({
    ...{ externalId: 'x', kind, state, amountMinor: 1, currency: 'EUR' },
  });
  const done = fact('payment', 'succeeded');
  assert.deepEqual(paidResult([fact('token', 'succeeded'), done])?.status, 'done');
  assert.equal(paidResult([fact('payment', 'processing')])?.status, 'pending');
  assert.equal(paidResult([fact('payment', 'failed'), fact('token', 'succeeded')]), undefined);
  const about = { vendor: 'V', payment: 'p', why: 'it is closed' };
  assert.equal(refundResult(fact('refund', 'refunded'), about).status, 'done');
  assert.equal(refundResult(fact('refund', 'processing'), about).status, 'pending');
  const failed = refundResult(fact('refund', 'failed'), about);
  assert.ok(failed.status === 'failed' && failed.facts?.length === 1);
  assert.equal(failed.error.message, 'V could not refund payment "p": it is closed');
});

it('takes amounts above zero, and times that are some', options, () => {
  assert.equal(checkPayable({ amountMinor: 1, currency: 'EUR' }).amountMinor, 1);
  for (const amountMinor of [0, -1]) {
    assert.throws(() => checkPayable({ amountMinor, currency: 'EUR' }), /above zero/);
  }
  assert.equal(readSince('2026-11-24T00:00:00Z'), Date.parse('2026-11-24'));
  assert.ok(Math.abs(Date.now() - 86_400_000 - readSince(undefined)) < 60_000);
  assert.throws(
    () => readSince('yesterday'),
    (error) => isFailure(error, 'invalid_input'),
  );
});
