// Claims about what is still there afterwards: after a restart, and after a process was killed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';

import { instanceRow } from './store-subject.ts';
import type { StoreSubject } from './store-subject.ts';

const WRITER = join(import.meta.dirname, '../fixtures/store-writer.ts');
const QUOTA = { nowMs: 0, quotaBytes: 1_000 };
const ACKNOWLEDGED = 200;

/** Registers the claims. */
export function storeDurabilityClaims({ open }: StoreSubject): void {
  it('has everything after it was closed and opened again', async () => {
    await using opened = await open();
    const { store } = opened;
    const row = instanceRow('main', { config: { a: 1 }, configVersion: 1 });
    await store.putConfig(row, 'tok', '2026-01-01');
    await store.putValue('others/echo/main', { key: 'k', value: [1], expiresMs: null }, QUOTA);
    await store[Symbol.asyncDispose]();
    const next = await opened.again();
    assert.deepEqual(await next.instances(), [row]);
    assert.deepEqual(await next.value('others/echo/main', 'k', 0), [1]);
  });

  it('writes what was asked for before it was closed', async () => {
    await using opened = await open();
    const { store } = opened;
    const line = { at: 'now', actor: 'a', role: 'r', action: 'x', outcome: 'done' };
    const asked = Array.from({ length: 5 }, (_, at) =>
      store.addAudit({ ...line, subject: String(at) }),
    );
    await store[Symbol.asyncDispose]();
    await Promise.all(asked);
    const { entries } = await (await opened.again()).audit({ limit: 10 });
    assert.equal(entries.length, 5);
  });

  it('refuses a write that comes after it was closed', async () => {
    await using opened = await open();
    const { store } = opened;
    await store[Symbol.asyncDispose]();
    const line = { at: 'now', actor: 'a', role: 'r', action: 'x', outcome: 'done', subject: 's' };
    await assert.rejects(store.addAudit(line), { code: 'HOST_STORE_FAILED' });
  });

  it('has every write that was acknowledged before the process was killed', async () => {
    await using opened = await open();
    const child = spawn(process.execPath, [WRITER, opened.location], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const acknowledged: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line);
      if (acknowledged.length === ACKNOWLEDGED) child.kill('SIGKILL');
    }
    assert.equal((await ended)[1], 'SIGKILL');
    assert.ok(acknowledged.length >= ACKNOWLEDGED);
    const store = await opened.again();
    const options = { prefix: '', after: '', limit: 100_000, nowMs: 0 };
    const kept = new Set((await store.values('others/echo/writer', options)).map(({ key }) => key));
    assert.deepEqual(
      acknowledged.filter((key) => !kept.has(key)),
      [],
    );
  });
}
