import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { parseManifest } from '../../../host/catalog/manifest.ts';
import { nameKey } from '../../../host/catalog/names.ts';
import { LIMITS } from '../../../host/limits.ts';
import { manifestJsonSchema } from '../../../sdk/manifest.ts';

const GOOD = {
  apiVersion: 1,
  name: 'X',
  description: 'Does x',
  version: '1.2.3',
  author: 'A',
  license: 'MIT',
  category: 'others',
};
const problemsOf = (text: string) => {
  const result = parseManifest(text, 'others');
  assert.ok(!result.ok);
  return result.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
};
const withField = (more: object): string => JSON.stringify({ ...GOOD, ...more }, undefined, 2);

describe('manifest', () => {
  it('takes the smallest one', () => {
    const result = parseManifest(withField({}), 'others');
    assert.deepEqual(result, { ok: true, manifest: GOOD });
  });

  it('refuses comments, trailing commas and cut text at their place', () => {
    assert.match(
      problemsOf('{\n  // no\n}')[0] ?? '',
      /^2:3 Not valid JSON: invalid comment token/,
    );
    assert.match(problemsOf('{"a": 1,\n}')[0] ?? '', /^2:1 Not valid JSON/);
    assert.match(problemsOf('{"a": ')[0] ?? '', /^1:7 Not valid JSON/);
    assert.match(problemsOf('')[0] ?? '', /^1:1 Not valid JSON/);
  });

  it('refuses a key that stands twice, whichever parser would read which', () => {
    assert.deepEqual(problemsOf('{"category": "others",\n "category": "servers"}'), [
      '2:2 Key "category" stands twice: remove one',
    ]);
  });

  it('refuses a schedule that is none, or that would tick every second', () => {
    const schedule = (cron: string): object => ({
      capabilities: { schedule: [{ name: 'tick', cron }] },
    });
    for (const cron of ['* * *', '* * * * * *', '61 * * * *', '0 0 30 2 *']) {
      assert.match(problemsOf(withField(schedule(cron)))[0] ?? '', /is no cron pattern of five/);
    }
    assert.ok(parseManifest(withField(schedule('*/5 * * * *')), 'others').ok);
  });

  it('names unknown keys and wrong values with their path', () => {
    assert.deepEqual(
      problemsOf(
        withField({ capabilities: { fetch: { hosts: ['HTTPS://x'] }, exec: true } }),
      ).toSorted(),
      [
        '15:5 Unknown key "capabilities.exec": remove it or correct its name',
        '12:9 "capabilities.fetch.hosts.0": must be a lower-case host name, "*.example.com" or "{config.<field>}", no scheme',
      ].toSorted(),
    );
  });

  it('refuses a wildcard for every host', () => {
    assert.match(
      problemsOf(withField({ capabilities: { fetch: { hosts: ['*'] } } }))[0] ?? '',
      /hosts\.0/,
    );
  });

  it('refuses a category that is not the folder, and a secret that goes where fetch may not', () => {
    assert.match(problemsOf(withField({ category: 'servers' }))[0] ?? '', /lies under "others"/);
    const secrets = { token: { hosts: ['b.example'], in: ['header'] } };
    const capabilities = { fetch: { hosts: ['a.example'] } };
    assert.match(
      problemsOf(withField({ capabilities, secrets }))[0] ?? '',
      /"b\.example", which is not among/,
    );
  });

  it('takes one place where a vendor gives a secret, and not two', () => {
    const asking = (earned: object): string =>
      withField({
        capabilities: { fetch: { hosts: ['a.example'] } },
        secrets: { token: { hosts: ['a.example'], in: ['header'], earned } },
      });
    assert.ok(parseManifest(asking({ path: '/token', json: 'data.token' }), 'others').ok);
    const two = asking({ path: '/token', json: 'token', cookie: 'token' });
    assert.match(problemsOf(two)[0] ?? '', /must name one of "json"/);
    assert.match(problemsOf(asking({ path: 'token', json: 'x' }))[0] ?? '', /must be a path/);
  });

  it('takes a key for repeats of a host that fetch may reach, and of no other', () => {
    const asking = (idempotency: object): string =>
      withField({ capabilities: { fetch: { hosts: ['a.example'], idempotency } } });
    assert.ok(parseManifest(asking({ 'a.example': 'Idempotency-Key' }), 'others').ok);
    assert.match(problemsOf(asking({ 'b.example': 'Key' }))[0] ?? '', /"b\.example" is not among/);
    assert.match(problemsOf(asking({ 'a.example': 'a b' }))[0] ?? '', /must be a header/);
  });

  it('takes a manifest at the size limit and refuses one over it', () => {
    const room = LIMITS.manifestBytes - withField({}).length;
    assert.ok(parseManifest(withField({}) + ' '.repeat(room), 'others').ok);
    assert.match(problemsOf(withField({}) + ' '.repeat(room + 1))[0] ?? '', /over 65536/);
  });

  it('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseManifest(text, 'others')));
    fc.assert(fc.property(fc.json(), (text) => void parseManifest(text, 'others')));
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(...Object.keys(GOOD), 'secrets', '__proto__'),
          fc.jsonValue(),
        ),
        (more) => void parseManifest(JSON.stringify({ ...GOOD, ...more }), 'others'),
      ),
    );
  });

  it('offers itself as a JSON schema for editors', () => {
    assert.equal(manifestJsonSchema()['additionalProperties'], false);
  });

  it('has one key for every spelling of a name', () => {
    const spellings = ['DiscordNotifications', 'discord-notifications', 'discord_notifications'];
    assert.deepEqual(new Set(spellings.map(nameKey)), new Set(['discordnotifications']));
  });
});
