// Attack: replace JSON.stringify, so that the platform hands what it answers, an object, to the cell.
// Would work: isolated-vm copies objects by itself, getters and all: the cell would take apart what a guest
// made, on its own thread, where no limit holds. Holes of isolated-vm were in that copy.
// Stopped by: a bridge and a load that let nothing but text out.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

const TRAP = `
  const ran: string[] = [];
  const trap = { get inside() { ran.push('copied'); return new ArrayBuffer(8); } };
`;

it('hands no object of a guest to the cell', { timeout: 30_000 }, async () => {
  const { result } = await attack(
    `
    const real = JSON.stringify;
    const said: string[] = [];
    const ways = [
      () => console.log('line'),
      () => console.table([1]),
      () => SubtleCrypto.supports('digest', 'SHA-256'),
      () => new URL('https://example.com/'),
      () => new URLSearchParams({ a: '1' }).toString(),
      () => ctx.log.info('line'),
    ];
    for (const way of ways) {
      JSON.stringify = () => trap;
      try {
        way();
        said.push('passed');
      } catch (error) {
        said.push(error.message);
      } finally {
        JSON.stringify = real;
      }
    }
    return { said, ran };
    `,
    { before: TRAP },
  );
  const refused = 'Only text leaves an isolate';
  assert.deepEqual(result, {
    said: [refused, refused, refused, 'passed', 'passed', 'passed'],
    ran: [],
  });
});

it('hands none over when the load fails either', { timeout: 30_000 }, async () => {
  const before = `
    const ran = [];
    const trap = { get inside() { ran.push(1); for (;;); } };
    JSON.stringify = () => trap;
    throw new Error('no');
  `;
  await assert.rejects(attack('return 1;', { before }), /Cannot start .*: no/);
});
