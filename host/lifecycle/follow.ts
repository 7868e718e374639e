// What other hosts on the same store change becomes true here: enabled, disabled and reconfigured
// instances, grants, rollbacks, removals, uploaded extensions, tokens. Reads the store, writes nothing to it.

import type { Logger } from 'pino';

import type { Category } from '../catalog/categories.ts';
import { HostError } from '../errors.ts';
import type { InstanceKey, InstanceRow, StoreNotice } from '../store/store.ts';
import type { Extensions } from './extensions.ts';
import type { Installer } from './install.ts';
import { lastGood } from './open.ts';
import type { OpenPowers } from './open.ts';
import { placeUpload } from './uploads.ts';

/** What following works on. */
export type FollowPowers = OpenPowers & {
  readonly installer: Installer;
  readonly extensions: Extensions;
  readonly tokens: { forget(): void };
  readonly log: Logger;
};

/** Follows the other hosts of a store. */
export class Follower {
  readonly #powers: FollowPowers;
  /** By subject: whether something has come while it was being looked at. */
  readonly #looking = new Map<string, { again: boolean }>();
  readonly #running = new Set<Promise<void>>();
  #isStopped = false;

  constructor(powers: FollowPowers) {
    this.#powers = powers;
  }

  /** Makes the folders of uploaded extensions those of the store: before the start, and after a loss. */
  async restoreExtensions(): Promise<void> {
    const { store, catalog, installer } = this.#powers;
    const kept = await store.archives();
    const known = new Set(kept.map(({ category, name }) => `${category}/${name}`));
    for (const { category, name } of [...kept, ...(await catalog.entries())]) {
      const isGone = !known.has(`${category}/${name}`);
      if (isGone && (await installer.digest(category, name)) === undefined) continue;
      await this.#guard(`${category}/${name}`, () => this.#followExtension(category, name));
    }
  }

  /** Hears of changes from now on. */
  start(): void {
    this.#powers.store.listen((notice) => this.#hear(notice));
  }

  /** Ends what is under way; later notices are not heard. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.allSettled(this.#running);
  }

  #hear(notice: StoreNotice): void {
    switch (notice.kind) {
      case 'tokens':
        return this.#powers.tokens.forget();
      case 'deliveries':
        // The workers listen themselves.
        return;
      case 'instance': {
        const { category, name, instance } = notice;
        const key = { category, name, instance };
        return this.#look(`${category}/${name}/${instance}`, () => this.#followInstance(key));
      }
      case 'extension': {
        const { category, name } = notice;
        return this.#look(`${category}/${name}`, () => this.#followExtension(category, name));
      }
      case 'all':
        this.#powers.tokens.forget();
        return this.#look('all', () => this.#followAll());
    }
  }

  /** One look at a subject at a time; what comes meanwhile leads to one more look. */
  #look(subject: string, work: () => Promise<void>): void {
    const looking = this.#looking.get(subject);
    if (looking !== undefined) {
      looking.again = true;
      return;
    }
    const state = { again: false };
    this.#looking.set(subject, state);
    const run = async (): Promise<void> => {
      do {
        state.again = false;
        await this.#guard(subject, work);
      } while (state.again && !this.#isStopped);
      this.#looking.delete(subject);
    };
    const running = run().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** A subject that cannot be followed is reported and hides no other; the next notice tries again. */
  async #guard(subject: string, work: () => Promise<void>): Promise<void> {
    if (this.#isStopped) return;
    try {
      await work();
    } catch (error) {
      this.#powers.log.error(
        { subject, err: error },
        'a change of another host cannot be followed',
      );
      if (!(error instanceof HostError)) throw error;
      const data = { state: 'failed', error: error.toData() };
      this.#powers.onChange({ type: 'instance.state', subject, data });
    }
  }

  async #followAll(): Promise<void> {
    const { store, instances } = this.#powers;
    await this.restoreExtensions();
    const rows: readonly InstanceKey[] = await store.instances();
    const live = instances.all().map(({ row }) => row);
    const all = new Map([...rows, ...live].map((key) => [idOf(key), key]));
    for (const [id, key] of all) await this.#guard(id, () => this.#followInstance(key));
  }

  /** Nobody else's turn is waited for: the other host may still be in the middle of its change. */
  #followInstance(key: InstanceKey): Promise<void> {
    const { store, instances } = this.#powers;
    const id = idOf(key);
    return instances.inTurn(id, async () => {
      const row = await store.instance(key);
      const applied = instances.applied(id);
      if (row?.enabled !== true) {
        if (applied === undefined) return;
        instances.retire(id);
        const data = { state: row === undefined ? 'removed' : 'disabled', elsewhere: true };
        return this.#powers.onChange({ type: 'instance.state', subject: id, data });
      }
      if (applied === undefined) return this.#open(id, row);
      await this.#apply(id, row, applied);
    });
  }

  async #open(id: string, row: InstanceRow): Promise<void> {
    const { catalog, instances, onChange } = this.#powers;
    const entry = await catalog.find(row.category, row.name);
    const compiled = await lastGood(this.#powers, entry, row);
    instances.open(row, entry, compiled);
    const data = { state: 'idle', grants: row.grants, elsewhere: true };
    onChange({ type: 'instance.state', subject: id, data });
  }

  async #apply(id: string, row: InstanceRow, applied: InstanceRow): Promise<void> {
    const { instances, onChange } = this.#powers;
    const live = instances.live(id);
    if (live === undefined) return;
    if (differs(row, applied, ['grants', 'asked', 'trusted'])) {
      // What an isolate was started with does not change. The new one takes calls while the old drains.
      instances.retire(id);
      return this.#open(id, row);
    }
    if (!differs(row, applied, ['config', 'configVersion', 'pinned'])) return;
    const { catalog } = this.#powers;
    const isPinned = differs(row, applied, ['pinned']);
    const entry = await catalog.find(row.category, row.name);
    await live.reload(isPinned ? await lastGood(this.#powers, entry, row) : live.compiled);
    instances.setApplied(id, row);
    const data = { configVersion: row.configVersion, elsewhere: true };
    onChange({ type: 'instance.config', subject: id, data });
  }

  async #followExtension(category: Category, name: string): Promise<void> {
    const { store, installer, extensions, catalog, onChange } = this.#powers;
    const subject = `${category}/${name}`;
    const had = await installer.digest(category, name);
    const kept = (await store.archives()).find(
      (row) => row.category === category && row.name === name,
    );
    if (kept?.sha256 === had) return;
    if (kept === undefined) {
      const gone = await catalog.find(category, name);
      await installer.remove(gone);
      extensions.forget(gone);
      await catalog.refresh(category, name);
      return onChange({ type: 'extension.removed', subject, data: { elsewhere: true } });
    }
    const row = await store.archive(category, name);
    if (row === undefined) return;
    const upload = await installer.read(Buffer.from(row.archive));
    await placeUpload(this.#powers, { ...upload, category, name });
    onChange({ type: 'extension.added', subject, data: { elsewhere: true } });
    // One that was enabled at once could not be opened before its folder was here.
    for (const key of await store.instances({ category, name })) {
      this.#hear({ kind: 'instance', ...key });
    }
  }
}

function idOf({ category, name, instance }: InstanceKey): string {
  return `${category}/${name}/${instance}`;
}

function differs(a: InstanceRow, b: InstanceRow, fields: readonly (keyof InstanceRow)[]): boolean {
  return fields.some((field) => JSON.stringify(a[field]) !== JSON.stringify(b[field]));
}
