// Settings of products and choices of customers, read; and the fields that many forms have.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  flag,
  hostName,
  isFailure,
  originOf,
  panelAddress,
  panelHost,
  panelPort,
  problemFailure,
  readChoices,
  readOffered,
  readSettings,
  whole,
  z,
} from 'cofferdam/sdk';

const shape = z.object({
  plan: z.string().min(2, 'must be the name of a plan'),
  cores: whole(1, 8).default(1),
  start: flag().default(true),
  note: z.string().optional(),
});

describe('settings of a product', () => {
  it('are read as forms send them; what was left empty is absent', () => {
    assert.deepEqual(readSettings(shape, { plan: 'gold', cores: '4', start: '0', note: '' }), {
      plan: 'gold',
      cores: 4,
      start: false,
    });
    assert.deepEqual(readSettings(shape, { plan: 'gold', cores: null, other: 1 }), {
      plan: 'gold',
      cores: 1,
      start: true,
    });
  });

  it('are refused by their name, with what is to be done', () => {
    for (const [values, words] of [
      [{}, 'Product setting "plan" has no value'],
      [{ plan: '' }, 'Product setting "plan" has no value'],
      [{ plan: 'x' }, 'Product setting "plan": must be the name of a plan'],
    ] as const) {
      assert.throws(
        () => readSettings(shape, values, 'Choose a plan'),
        (error) =>
          isFailure(error, 'invalid_input') &&
          error.message === words &&
          error.failure.remedy === 'Choose a plan',
      );
    }
    for (const cores of [0, 9, 1.5, 'many']) {
      assert.throws(() => readSettings(shape, { plan: 'gold', cores }), /"cores"/);
    }
  });
});

describe('choices of a customer', () => {
  it('hold no name that the extension does not read', () => {
    const read = readChoices(shape, { plan: 'gold', memory: 64, start: '' });
    assert.deepEqual(read, { choices: { plan: 'gold', cores: 1, start: true } });
  });

  it('come with every problem and its field', () => {
    const read = readChoices(shape, { cores: 9, start: 'perhaps' });
    assert.ok('problems' in read);
    assert.deepEqual(
      read.problems.map(({ field }) => field),
      ['plan', 'cores', 'start'],
    );
    assert.equal(read.problems[0]?.message, 'has no value');
    const failure = problemFailure([
      { field: 'os', message: 'must be chosen' },
      { field: 'name', message: 'has no value' },
    ]);
    assert.ok(isFailure(failure, 'invalid_input'));
    assert.equal(failure.message, '"os" must be chosen; "name" has no value');
  });
});

describe('a choice of what the product offers', () => {
  it('is what was chosen, or the only thing there is', () => {
    assert.deepEqual(readOffered(['a', 'b'], { field: 'os', value: 'b' }), { choice: 'b' });
    assert.deepEqual(readOffered(['a'], { field: 'os', value: undefined }), { choice: 'a' });
  });

  it('is neither left out nor made up', () => {
    for (const [value, words] of [
      [undefined, /several/],
      ['c', /offers/],
    ] as const) {
      const read = readOffered(['a', 'b'], { field: 'os', value });
      assert.ok('problems' in read);
      assert.equal(read.problems[0]?.field, 'os');
      assert.match(read.problems[0]?.message ?? '', words);
    }
  });
});

describe('fields of many forms', () => {
  it('take host names up to their length, and write them in lower case', () => {
    const field = hostName(20);
    assert.equal(field.parse(' Web1.Example.com '), 'web1.example.com');
    assert.equal(field.safeParse('a'.repeat(20)).success, true);
    for (const bad of ['', 'a'.repeat(21), '-a', 'a-', 'a..b', 'a_b', 'a/b', '.a', `a b`]) {
      assert.equal(field.safeParse(bad).success, false, bad);
    }
    assert.equal(hostName().safeParse(`${'a'.repeat(64)}.com`).success, false);
  });

  it('take the address of a panel as admins write it', () => {
    const field = panelAddress('https://panel.example.com');
    for (const good of ['panel.example.com', 'https://panel.example.com:8443/', '[2001:db8::1]']) {
      assert.equal(field.safeParse(good).success, true, good);
    }
    for (const bad of ['', 'panel.example.com/admin', 'https://user@panel', 'ftp://panel', '?']) {
      assert.equal(field.safeParse(bad).success, false, bad);
    }
  });

  it('make an origin of host and port', () => {
    const config = z.object({ host: panelHost({ label: 'Host' }), port: panelPort(8006) });
    assert.equal(
      originOf(config.parse({ host: 'pve.example.com' })),
      'https://pve.example.com:8006',
    );
    const byAddress = config.parse({ host: '2001:db8::1', port: 443 });
    assert.equal(originOf(byAddress), 'https://[2001:db8::1]');
    assert.equal(originOf({ host: 'panel.example.com:8443/' }), 'https://panel.example.com:8443');
    assert.equal(originOf({ host: 'http://panel.example.com' }), 'http://panel.example.com');
    for (const bad of [{ host: 'a b' }, { host: 'a', port: 0 }, { host: 'a', port: 65_536 }]) {
      assert.equal(config.safeParse(bad).success, false);
    }
  });
});
