// Credentials that a vendor gives in a reply: sealed there, used through a stand-in, blanked elsewhere.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import type { Earned, EarnedRule, EarnedShelf } from '../../../host/capabilities/earned.ts';
import { expandHosts } from '../../../host/capabilities/egress.ts';
import { SecretBook } from '../../../host/capabilities/secrets.ts';
import type { HostError } from '../../../host/errors.ts';
import { LIMITS } from '../../../host/limits.ts';
import { createTestFetch } from '../../helpers/fetch.ts';
import type { TestFetch } from '../../helpers/fetch.ts';

const TICKET = 'PVE:root@pam:65A1B2C3::abc+/def==';
const hosts = expandHosts(['{config.h}'], { h: 'panel.example' });
const at = (path: string, place: EarnedRule['at'], field = 'ticket'): EarnedRule => ({
  ...{ field, path, hosts, at: place },
  places: ['header'],
});
const RULES = [
  at('/json', { kind: 'json', name: 'data.ticket' }),
  at('/json', { kind: 'json', name: 'data.csrf' }, 'csrf'),
  at('/gzip', { kind: 'json', name: 'data.ticket' }),
  at('/header', { kind: 'header', name: 'X-Subject-Token' }),
  at('/cookie', { kind: 'cookie', name: 'PVEAuthCookie' }),
  at('/nothing', { kind: 'json', name: 'access_token' }),
  at('/form', { kind: 'json', name: 'access_token' }),
  at('/large', { kind: 'json', name: 'access_token' }),
  at('/refused', { kind: 'json', name: 'access_token' }),
];

describe('a credential that a vendor gives', { timeout: 30_000 }, () => {
  const seen: string[] = [];
  const body = JSON.stringify({
    data: { ticket: TICKET, csrf: '65A1:token', user: 'root', life: 60 },
    note: TICKET,
  });
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization ?? '');
    switch (request.url) {
      case '/gzip':
        response.setHeader('content-encoding', 'gzip').end(gzipSync(body));
        return;
      case '/header':
        response.setHeader('x-subject-token', TICKET).end('{}');
        return;
      case '/cookie':
        response.setHeader('set-cookie', [`PVEAuthCookie=${TICKET}; Path=/`, 'lang=en']).end('{}');
        return;
      case '/nothing':
        response.end('{"mfa_required":true}');
        return;
      case '/form':
        response.end(`access_token=${TICKET}`);
        return;
      case '/large':
        response.end(
          JSON.stringify({ access_token: TICKET, pad: 'x'.repeat(LIMITS.inlineBodyBytes) }),
        );
        return;
      case '/refused':
        response.writeHead(401).end('{"error":"invalid_client"}');
        return;
      case '/echo':
        response.end(`you sent ${request.headers.authorization}`);
        return;
      default:
        response.end(body);
    }
  });
  let origin = '';
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://panel.example:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const open = (): TestFetch => {
    const secrets = new SecretBook([], RULES);
    return createTestFetch(['panel.example', 'other.example'], { secrets });
  };

  it('is a stand-in in JSON, compressed or not, and blank wherever else it stands', async () => {
    await using fetch = open();
    for (const path of ['/json', '/gzip']) {
      const { text } = await fetch.send(origin + path);
      const { data, note } = JSON.parse(text) as { data: Record<string, string>; note: string };
      assert.match(data['ticket'] ?? '', /^sealed:[A-Za-z0-9]{22}$/);
      assert.deepEqual([data['user'], note], ['root', '[secret:ticket]']);
    }
  });

  it('is a stand-in however the path is spelled that servers take for the one', async () => {
    await using fetch = open();
    const spelled = [
      '/%6Ason',
      '/%256ason',
      '//json',
      '/./json/',
      '/JSON',
      '/json;v=1',
      '/json%2F',
    ];
    for (const path of spelled) {
      const { text } = await fetch.send(origin + path);
      assert.match(JSON.parse(text).data.ticket, /^sealed:[A-Za-z0-9]{22}$/, path);
    }
  });

  it('is a stand-in in a header and in a cookie', async () => {
    await using fetch = open();
    const header = (await fetch.send(`${origin}/header`)).headers.find(
      ([name]) => name === 'x-subject-token',
    );
    assert.match(header?.[1] ?? '', /^sealed:[A-Za-z0-9]{22}$/);
    const cookies = (await fetch.send(`${origin}/cookie`)).headers
      .filter(([name]) => name === 'set-cookie')
      .map(([, value]) => value);
    assert.match(cookies[0] ?? '', /^PVEAuthCookie=sealed:[A-Za-z0-9]{22}; Path=\/$/);
    assert.equal(cookies[1], 'lang=en');
  });

  it('reaches the vendor whole, and comes back blank', async () => {
    await using fetch = open();
    const { text } = await fetch.send(`${origin}/json`);
    const { ticket } = (JSON.parse(text) as { data: { ticket: string } }).data;
    const headers = [['authorization', `Ticket ${ticket}`]];
    const echo = await fetch.send(`${origin}/echo`, { headers });
    assert.equal(seen.at(-1), `Ticket ${TICKET}`);
    assert.equal(echo.text, 'you sent Ticket [secret:ticket]');
  });

  it('goes to no other host, into no other place, and out of no other isolate', async () => {
    await using fetch = open();
    await using stranger = open();
    const { text } = await fetch.send(`${origin}/json`);
    const { ticket } = (JSON.parse(text) as { data: { ticket: string } }).data;
    const headers = [['authorization', ticket]];
    const count = seen.length;
    const away = origin.replace('panel', 'other');
    await assert.rejects(fetch.send(`${away}/echo`, { headers }), { code: 'EGRESS_DENIED' });
    await assert.rejects(fetch.send(`${origin}/echo?t=${ticket}`), { code: 'EGRESS_DENIED' });
    await assert.rejects(stranger.send(`${origin}/echo`, { headers }), ({ details }: HostError) => {
      return details?.['rule'] === 'unknown-stand-in';
    });
    assert.equal(seen.length, count);
  });

  it('has one stand-in however often it is given, and old ones are forgotten', () => {
    const [rule] = RULES;
    assert.ok(rule);
    const book = new SecretBook([], RULES);
    const first = book.seal(rule, 'value 1');
    assert.equal(book.seal(rule, 'value 1'), first);
    for (let at = 0; at < LIMITS.earnedSecrets - 1; at += 1) book.seal(rule, `more ${at}`);
    assert.equal(book.valueOf(first), 'value 1');
    book.seal(rule, 'one too many');
    assert.equal(book.valueOf(first), undefined);
    assert.deepEqual(book.sealed, {});
  });

  it('outlives its isolate on the shelf, under the same rule, until it ends', async () => {
    const shelved: Earned[] = [];
    let now = 1_000_000;
    const shelf: EarnedShelf = {
      nowMs: () => now,
      load: async (rules) => shelved.filter(({ rule }) => rules.includes(rule)),
      keep: async (earned) => void shelved.push(earned),
    };
    const rule = { ...at('/life', { kind: 'json', name: 'data.ticket' }), expiresIn: 'data.life' };
    const [elsewhere] = RULES;
    assert.ok(elsewhere);
    await using first = createTestFetch(['panel.example'], {
      secrets: new SecretBook([], [rule], shelf),
    });
    const { text } = await first.send(`${origin}/life`);
    const { ticket } = (JSON.parse(text) as { data: { ticket: string } }).data;
    assert.deepEqual(
      shelved.map(({ value, expiresMs }) => [value, expiresMs]),
      [[TICKET, 1_060_000]],
    );
    // Asked for by another isolate that started before it was given.
    await using second = createTestFetch(['panel.example'], {
      secrets: new SecretBook([], [rule], shelf),
    });
    const headers = [['authorization', ticket]];
    const echo = await second.send(`${origin}/echo`, { headers });
    assert.equal(echo.text, 'you sent [secret:ticket]');
    assert.equal(seen.at(-1), TICKET);
    await using changed = createTestFetch(['panel.example'], {
      secrets: new SecretBook([], [elsewhere], shelf),
    });
    const isUnknown = ({ details }: HostError): boolean => details?.['rule'] === 'unknown-stand-in';
    await assert.rejects(changed.send(`${origin}/echo`, { headers }), isUnknown);
    now = 1_060_000;
    await assert.rejects(second.send(`${origin}/echo`, { headers }), isUnknown);
  });

  it('may be missing in replies to another method than the one that gives it', async () => {
    const rule = { ...at('/nothing', { kind: 'json', name: 'access_token' }), method: 'POST' };
    await using fetch = createTestFetch(['panel.example'], {
      secrets: new SecretBook([], [rule]),
    });
    assert.equal((await fetch.send(`${origin}/nothing`)).status, 200);
    await assert.rejects(fetch.send(`${origin}/nothing`, { method: 'POST' }), {
      code: 'REMOTE_PROTOCOL',
    });
  });

  it('is not handed on where it cannot be sealed', async () => {
    await using fetch = open();
    for (const path of ['/nothing', '/form', '/large']) {
      await assert.rejects(fetch.send(origin + path), { code: 'REMOTE_PROTOCOL' }, path);
    }
    const refused = await fetch.send(`${origin}/refused`);
    assert.deepEqual([refused.status, refused.text], [401, '{"error":"invalid_client"}']);
  });
});
