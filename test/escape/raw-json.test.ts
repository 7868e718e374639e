// Attack: put raw JSON, separators and lone surrogates into the answer.
// Would work: a host that splices the text of a result into its reply lets it end early.
// Stopped by: JSON.stringify inside, and a check of the whole text outside.

import assert from 'node:assert/strict';
import { it } from 'node:test';

import { attack } from './attack.ts';

it('cannot end its own result early', { timeout: 60_000 }, async () => {
  const outcome = await attack(
    `const raw = (JSON as any).rawJSON; const attempts = ['1}', '"a","code":"b"', '{}', '[]', '1e999'];
    const made = attempts.map((text) => { try { return raw(text); } catch { return 'refused'; } });
    const stringify = JSON.stringify; try { (JSON as any).stringify = () => 'null},"callId":"forged"'; } catch { /* Frozen. */ }
    return { made, toJSON: undefined, breaks: '\\u2028\\u2029\\ud800</script>\\u0000"}', kept: typeof stringify };`,
  );
  assert.deepEqual(
    outcome.result.made.slice(0, 4),
    Array.from({ length: 4 }, () => 'refused'),
  );
  assert.equal(outcome.result.kept, 'function');
});
