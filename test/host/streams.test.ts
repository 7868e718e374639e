import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';

import { ADMIN_TOKEN, manifestFor, other, startTestHost } from '../helpers/host.ts';
import type { TestHost } from '../helpers/host.ts';

describe('streams and cancellation', { timeout: 60_000 }, () => {
  let host: TestHost;
  let vendor: Server;
  let gone: () => void = () => undefined;
  let port = 0;

  before(async () => {
    vendor = createServer((request) => {
      request.socket.once('close', () => gone());
    });
    await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
    port = (vendor.address() as AddressInfo).port;
    host = await startTestHost({
      'others/talker': {
        'extension.ts': other(
          'ctx.log.info("said " + input, { n: 1 }); console.warn("warned"); return null;',
        ),
      },
      'others/waits': {
        'extension.ts': other(`await ctx.fetch('http://127.0.0.1:${port}/'); return null;`),
        'manifest.json': JSON.stringify(
          manifestFor('others/waits', {
            capabilities: { fetch: { hosts: [`127.0.0.1:${port}`] } },
          }),
        ),
      },
    });
    await host.enable('others/talker');
    await host.enable('others/waits', undefined, {
      lan: [{ cidr: '127.0.0.1/32', reason: 'test', http: true }],
    });
  });
  after(async () => {
    await host[Symbol.asyncDispose]();
    vendor.closeAllConnections();
    vendor.close();
  });

  /** Reads events until one fits, then hangs up. */
  const readUntil = async (path: string, fits: (event: any) => boolean): Promise<any[]> => {
    const abort = new AbortController();
    const response = await fetch(`${host.url}/api/v1/admin${path}`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      signal: abort.signal,
    });
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const events: any[] = [];
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 2);
        if (data === undefined) continue;
        events.push(JSON.parse(data));
        if (!fits(events.at(-1))) continue;
        abort.abort();
        return events;
      }
    }
    return events;
  };

  it('shows kept log lines first, then live ones, with the call they belong to', async () => {
    const first = await host.call('others/talker', 'execute', 'one');
    const reading = readUntil(
      '/extensions/others/talker/logs',
      ({ message }) => message === 'said two',
    );
    await host.call('others/talker', 'execute', 'two');
    const events = await reading;
    const [said, warned] = events;
    assert.deepEqual(
      [said.level, said.message, said.fields, said.callId],
      ['info', 'said one', { n: 1 }, first.body.callId],
    );
    assert.deepEqual([warned.level, warned.message], ['warn', 'warned']);
  });

  it('tells every change of state', async () => {
    const reading = readUntil(
      '/stream',
      ({ type, data }) => type === 'instance.state' && data.state === 'disabled',
    );
    // The stream is open once the host has answered; what happens then is in it.
    while (
      !(await Promise.race([
        reading.then(() => true),
        host.request('POST', '/extensions/others/talker/disable').then(() => false),
      ]))
    ) {
      await host.enable('others/talker');
    }
    const events = await reading;
    assert.equal(events.at(-1).subject, 'others/talker/default');
  });

  it('ends the call and its request to the vendor when the client goes away', async () => {
    const vendorSawIt = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const abort = new AbortController();
    const call = fetch(`${host.url}/api/v1/admin/extensions/others/waits/calls/execute`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      signal: abort.signal,
    });
    await new Promise<void>((resolve) => vendor.once('request', () => resolve()));
    abort.abort();
    await assert.rejects(call, { name: 'AbortError' });
    await vendorSawIt;
    const { body } = await host.request('GET', '/calls?state=failed');
    assert.equal(body.calls[0].error.code, 'CALLER_CANCELLED');
    const view = await host.request('GET', '/extensions/others/waits/instances/default');
    assert.equal(view.body.callsRunning, 0);
  });

  it('ends the request to the vendor at the deadline', async () => {
    const vendorSawIt = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const { body } = await host.call('others/waits', 'execute', null, { deadlineMs: 200 });
    assert.match(body.code, /TIMED_OUT$/);
    await vendorSawIt;
  });
});
