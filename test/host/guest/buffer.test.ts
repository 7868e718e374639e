// The Buffer that packages get, against Node's own.

import assert from 'node:assert/strict';
import { Buffer as NodeBuffer } from 'node:buffer';
import { describe, it } from 'node:test';

import { connect } from '../../../host/guest/bridge.ts';
import { Buffer } from '../../../host/guest/platform/buffer.ts';
import { createCellServices } from '../../../host/sandbox/ask/index.ts';

const TEXTS = [
  '',
  'abc',
  'é€😀',
  '\ufeffbom',
  'aGk',
  'aGk=',
  '-_-_',
  'a b*c',
  '00ffzz',
  'f',
  '\xff',
];
const ENCODINGS = ['utf8', 'latin1', 'binary', 'ascii', 'base64', 'base64url', 'hex'] as const;

describe('Buffer of packages', () => {
  connect(() => true, createCellServices().ask, { invoke: () => {}, cancel: () => {} });

  for (const encoding of ENCODINGS) {
    it(`reads and writes ${encoding} as Node does`, () => {
      for (const text of TEXTS) {
        const theirs = NodeBuffer.from(text, encoding);
        const ours = Buffer.from(text, encoding);
        assert.deepEqual([...ours], [...theirs], JSON.stringify(text));
        assert.equal(ours.toString(encoding), theirs.toString(encoding), JSON.stringify(text));
        assert.equal(Buffer.byteLength(text, 'utf8'), NodeBuffer.byteLength(text, 'utf8'));
      }
    });
  }

  it('joins, compares and shows bytes', () => {
    const whole = Buffer.concat([Buffer.from('ab'), new Uint8Array([99])]);
    assert.equal(whole.toString(), 'abc');
    assert.equal(Buffer.concat([whole, whole], 4).toString(), 'abca');
    assert.equal(whole.toString('utf8', 1, 2), 'b');
    assert.ok(whole.equals(Buffer.from([97, 98, 99])) && Buffer.isBuffer(whole.subarray(1)));
    assert.equal(JSON.stringify(whole), JSON.stringify(NodeBuffer.from('abc')));
    assert.throws(() => Buffer.from('a', 'utf9'), { message: 'Unknown encoding: utf9' });
    assert.throws(() => Buffer.from(5), TypeError);
  });
});
