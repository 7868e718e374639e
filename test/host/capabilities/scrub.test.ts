// Secrets in what comes back: found in every form that is listed, wherever chunks end; and what is held back
// of a stream tells nothing of what is looked for.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import type { EarnedRule } from '../../../host/capabilities/earned.ts';
import { formsOf } from '../../../host/capabilities/scrub-forms.ts';
import { Scrubber } from '../../../host/capabilities/scrub.ts';
import { SecretBook } from '../../../host/capabilities/secrets.ts';
import { HostError } from '../../../host/errors.ts';
import { LIMITS } from '../../../host/limits.ts';

const KEY = 'sk_live_"Kp7/&+q<Z9=é';

async function* chunksOf(parts: readonly string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part, 'latin1');
}

async function streamed(scrubber: Scrubber, parts: readonly string[]): Promise<string[]> {
  const runs: string[] = [];
  for await (const run of scrubber.stream(chunksOf(parts))) runs.push(run.toString('latin1'));
  return runs;
}

/** Random, as tokens are; the same in every run. */
function tokenOf(at: number, length: number): string {
  let [text, state] = ['', at + 1];
  while (text.length < length) {
    state = (state * 48_271) % 2_147_483_647;
    text += state.toString(36);
  }
  return text.slice(0, length);
}

describe('secrets in what comes back', () => {
  it('are blanked in every form', () => {
    const scrubber = new Scrubber([{ field: 'key', value: KEY }]);
    const hex = Buffer.from(KEY).toString('hex');
    const unicode = Array.from(KEY).map(
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    for (const form of [
      KEY,
      encodeURIComponent(KEY),
      JSON.stringify(KEY).slice(1, -1),
      hex,
      hex.toUpperCase(),
      hex.replaceAll(/../g, '%$&'),
      unicode.join(''),
      unicode.join('').replaceAll(/[a-f]/g, (digit) => digit.toUpperCase()),
      Array.from(KEY).toReversed().join(''),
      Buffer.from(KEY).toString('base64url'),
      'sk_live_&quot;Kp7/&amp;+q&lt;Z9=é',
      'sk_live_&#34;Kp7/&amp;&#43;q&lt;Z9=é',
      'sk_live_&quot;Kp7&#x2F;&amp;+q&lt;Z9&#x3D;é',
      String.raw`sk_live_\"Kp7/\u0026+q\u003cZ9=é`,
      String.raw`sk_live_\"Kp7/\u0026+q\u003CZ9=é`,
    ]) {
      const shown = scrubber.text(`<${form}>`);
      assert.ok(shown.includes('[secret:key]') && shown.length < 20, `${form} → ${shown}`);
    }
  });

  it('are blanked as the part of an address that a vendor tells alone', () => {
    const token = 'uNq3Xo-7vR2kLs_0ZbYt9Wm4';
    const value = `https://discord.com/api/webhooks/116203948571029384/${token}`;
    const scrubber = new Scrubber([{ field: 'url', value }]);
    const reply = { id: '116203948571029384', token, moved: `/api/v10/webhooks/1/${token}` };
    assert.equal(
      scrubber.text(JSON.stringify(reply)),
      '{"id":"116203948571029384","token":"[secret:url]","moved":"/api/v10/webhooks/1/[secret:url]"}',
    );
  });

  it('are blanked in a stream wherever its chunks end', async () => {
    const text = fc.array(fc.constantFrom('a', '\n', KEY, KEY.slice(0, 5), 'sk', 'ab'), {
      maxLength: 20,
    });
    const scrubber = new Scrubber([
      { field: 'key', value: KEY },
      { field: 'half', value: KEY.slice(0, 8) },
    ]);
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(400)), async (words, cuts) => {
        const whole = Buffer.from(words.join('')).toString('latin1');
        const places = [0, ...cuts.filter((cut) => cut < whole.length).toSorted((a, b) => a - b)];
        const parts = places.map((from, at) => whole.slice(from, places[at + 1] ?? whole.length));
        const runs = await streamed(scrubber, parts);
        assert.equal(
          runs.join(''),
          scrubber.bytes(Buffer.from(whole, 'latin1')).toString('latin1'),
        );
      }),
    );
  });

  it('hold up the same bytes of a stream whether what came is how one begins or not', async () => {
    const bare = new Scrubber([{ field: 'key', value: 'another-secret-value' }]);
    const real = new Scrubber([{ field: 'key', value: 'sk_live_Kp7q9Z4mXw2T' }]);
    const guess = fc.constantFrom('s', 'sk_live_', 'sk_live_Kp7q9Z4mXw2', 'nope', '\n', '\ns');
    await fc.assert(
      fc.asyncProperty(fc.array(guess, { minLength: 1 }), async (parts) => {
        fc.pre(!parts.join('').includes('sk_live_Kp7q9Z4mXw2T'));
        assert.deepEqual(await streamed(real, parts), await streamed(bare, parts));
      }),
    );
  });

  it('hold up no line that has ended, and at most a kilobyte of one that has not', async () => {
    const scrubber = new Scrubber([{ field: 'key', value: 'sk_live_Kp7q9Z4mXw2T' }]);
    const events = ['data: s\n\n', 'data: sk_live_\n\n'];
    assert.deepEqual(await streamed(scrubber, events), events);
    const [first = ''] = await streamed(scrubber, ['x'.repeat(2_000), 'y']);
    assert.ok(first.length >= 1_000, String(first.length));
  });

  it('have few forms when they are letters and digits: each costs a search', () => {
    assert.ok(formsOf('sk_live_Kp7q9Z4mXw2T').size <= 16, String(formsOf('sk_live_Kp7q').size));
  });

  it('are found beyond ASCII in a header, which is bytes read as Latin-1', () => {
    const scrubber = new Scrubber([{ field: 'word', value: 'pässwörd' }]);
    const header = Buffer.from('x=pässwörd').toString('latin1');
    assert.equal(scrubber.text(header), 'x=[secret:word]');
  });

  it('may be as many long tokens as vendors may give', { timeout: 5_000 }, () => {
    const secrets = Array.from({ length: LIMITS.earnedSecrets }, (_, at) => ({
      field: 'token',
      value: `é"<&/${tokenOf(at, LIMITS.earnedChars - 5)}`,
    }));
    const scrubber = new Scrubber(secrets);
    assert.equal(scrubber.text(`a ${secrets.at(-1)?.value} b`), 'a [secret:token] b');
  });
});

describe('what a vendor gives as a credential', () => {
  const rule: EarnedRule = {
    field: 'token',
    hosts: [],
    places: ['header'],
    path: '/login',
    at: { kind: 'json', name: 'token' },
  };
  const seal = (value: string): string => new SecretBook([], [rule]).seal(rule, value);
  const isRefused = (error: unknown): boolean =>
    error instanceof HostError && error.code === 'REMOTE_PROTOCOL';

  it('is sealed up to its bound', () => {
    assert.match(seal(tokenOf(1, LIMITS.earnedChars)), /^sealed:/);
  });

  it('is refused over its bound', () => {
    assert.throws(() => seal(tokenOf(1, LIMITS.earnedChars + 1)), isRefused);
  });

  it('may repeat itself as padding does', () => {
    assert.match(seal(tokenOf(1, 100) + 'A'.repeat(LIMITS.earnedRepeats + 7)), /^sealed:/);
  });

  it('is refused when it was made to be slow to look for', () => {
    assert.throws(() => seal(tokenOf(1, 100) + 'A'.repeat(LIMITS.earnedRepeats + 8)), isRefused);
  });
});
