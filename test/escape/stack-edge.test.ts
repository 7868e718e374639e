// Attack: call the host at the very end of the stack.
// Would work: a host function that runs out of stack throws an error of another realm into the guest.
// Stopped by: errors that are made inside: what leaks would compile code outside.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('gets no error of another realm at the end of the stack', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const seen = new Set<string>();
    const acts = [() => new URL('https://a.example/'), () => console.log('x'), () => setTimeout(() => {}, 1), () => crypto.getRandomValues(new Uint8Array(1)), () => new TextDecoder().decode(new Uint8Array(1)), () => ctx.log.info('x'), () => atob('AA==')];
    for (const act of acts) for (let pad = 0; pad < 6; pad += 1) {
      const deep = (left: number): void => { try { deep(left + 1); } catch { try { act(); } catch (error: any) { seen.add([error instanceof Error, error?.constructor?.constructor?.('return typeof process')()].join()); } } };
      const start = (left: number): void => (left === 0 ? deep(0) : start(left - 1)); try { start(pad); } catch (error: any) { seen.add([error instanceof Error, error.constructor.constructor('return typeof process')()].join()); }
    }
    return [...seen];`,
  );
  if (outcome.code === undefined)
    for (const each of outcome.result) assert.equal(each, 'true,undefined');
  else assert.match(outcome.code, /CPU_EXCEEDED|QUOTA_EXCEEDED/);
});
