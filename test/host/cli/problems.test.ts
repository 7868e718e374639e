import assert from 'node:assert/strict';
import { it } from 'node:test';

import { failureText } from '../../../host/cli/problems.ts';

const remedy = 'Correct the named fields and send the config again';

it('a failure in the terminal shows each field with its problem, and the remedy', () => {
  const fields = [
    { field: 'port', message: 'must be at most 65535' },
    { field: 'hots', message: 'is not a field of this extension' },
  ];
  assert.equal(
    failureText({ code: 'CALLER_CONFIG_INVALID', detail: 'No', remedy, details: { fields } }),
    `CALLER_CONFIG_INVALID: No
  "port": must be at most 65535
  "hots": is not a field of this extension
  ${remedy}
`,
  );
  assert.equal(
    failureText({ code: 'CALLER_CONFIG_MISSING', detail: 'No', details: { fields: ['host'] } }),
    'CALLER_CONFIG_MISSING: No\n  "host": has no value\n',
  );
});

it('a failure in the terminal shows each place of an upload with the line of its author', () => {
  const problems = [
    { file: 'extension.ts', line: 2, column: 3, message: 'No such name', lineText: 'a.b', remedy },
    { file: 'manifest.json', line: 0, column: 0, message: 'It is missing' },
  ];
  assert.equal(
    failureText({ code: 'EXTENSION_BUILD_FAILED', detail: 'No', details: { problems } }),
    `EXTENSION_BUILD_FAILED: No
extension.ts:2:3: No such name
  a.b
    ^
  ${remedy}
manifest.json: It is missing
`,
  );
});

it('a failure in the terminal moves no cursor, whatever a stranger wrote', () => {
  const text = failureText({ code: 'EXTENSION_FAILED', detail: '\u001b[2Jgone\r\u009b1A' });
  assert.equal(text, 'EXTENSION_FAILED: \uFFFD[2Jgone\uFFFD\uFFFD1A\n');
});
