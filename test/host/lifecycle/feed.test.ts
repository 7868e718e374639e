import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Feed } from '../../../host/lifecycle/feed.ts';
import { InstanceLogs } from '../../../host/lifecycle/logs.ts';

describe('a reader of a feed', () => {
  it('gets what is published from its subscription on', { timeout: 5_000 }, async () => {
    const feed = new Feed<number>();
    feed.publish(1);
    const end = new AbortController();
    const items = feed.subscribe(end.signal);
    feed.publish(2);
    const got: number[] = [];
    for await (const item of items) {
      got.push(item);
      end.abort();
    }
    assert.deepEqual([got, feed.readers], [[2], 0]);
  });

  it('is forgotten when it ends before it has read', () => {
    const feed = new Feed<number>();
    const end = new AbortController();
    feed.subscribe(end.signal);
    end.abort();
    feed.subscribe(AbortSignal.abort());
    assert.equal(feed.readers, 0);
  });
});

describe('a reader of logs', () => {
  it('that leaves among the kept lines takes no line any more', async () => {
    const logs = new InstanceLogs(
      () => 0,
      () => undefined,
    );
    for (const message of ['a', 'b']) {
      logs.write('others/x/default', { bytes: 1, read: () => ({ level: 'info', message }) });
    }
    const end = new AbortController();
    for await (const { message } of logs.read('others/x/default', end.signal)) {
      assert.equal(message, 'a');
      break;
    }
    end.abort();
    assert.equal(logs.readers('others/x/default'), 0);
  });
});
