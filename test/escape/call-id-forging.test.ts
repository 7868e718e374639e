// Attack: write another call's id over one's own, then log and answer.
// Would work: a receipt and a line that name the call of somebody else.
// Stopped by: ids that the host keeps: what the guest holds is a copy.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('speaks for its own call whatever id it writes down', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const before = ctx.call.id; try { ctx.call.id = 'call_forged'; } catch { /* Frozen is as good. */ } try { Object.defineProperty(ctx, 'call', { value: { id: 'call_forged' } }); } catch { /* The same. */ } ctx.log.info('whose am I'); return { callId: 'call_forged', before, receipt: { cpuMs: -1 } };`,
  );
  assert.equal(outcome.result.callId, 'call_forged');
  assert.notEqual(outcome.result.before, 'call_forged');
});
