// What every extension of category others promises, as claims that run against it with its own storage and,
// where it sends something, a receiver. The claims know no extension.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';

import fc from 'fast-check';
import { isFailure } from 'cofferdam/sdk';
import type { EventMessage, Json, JsonObject, OtherHandlers } from 'cofferdam/sdk';

import { parseManifest } from '../../host/catalog/manifest.ts';
import { handlersOf } from '../helpers/context.ts';
import type { TestContext } from '../helpers/context.ts';

/** One extension in a world of its own, fresh for each claim. */
export type OtherSubject = AsyncDisposable & {
  /** The context of a new call; storage and receiver are those of the subject. */
  context(call?: {
    readonly operationId?: string;
    readonly signal?: AbortSignal;
  }): TestContext<any>;
  /** What anybody can see of the extension's work: messages sent, statements, pages. */
  effects(): Promise<unknown>;
};

/** What is particular to an extension. */
export type OtherExtension = {
  /** Its folder's name below plugins/others */
  readonly name: string;
  readonly definition: { readonly config?: any } & OtherHandlers<any>;
  start(): Promise<OtherSubject>;
  /** Data that each handled event is delivered with; `any` is for those that are not named. */
  readonly samples: { readonly [event: string]: JsonObject } & { readonly any: JsonObject };
  /** Secrets' real values, and how the fake world tells one that leaked. */
  readonly secrets: readonly string[];
  /** The smallest config that is accepted. */
  readonly smallestConfig: JsonObject;
  /** Does delivery twice leave two of something? Only where every receiver is told to expect it. */
  readonly sendsAgain?: boolean;
};

const AT = '2026-11-24T10:00:00.000Z';
const ROLES = [undefined, {}, { id: 'u1' }, { id: 'boss', role: 'admin' }] as const;
const FIELD_TYPES =
  /^(?:text|password|number|boolean|select|textarea|email|color|tags|time|file|markdown|multiselect)$/;

/** Registers the claims; call it once for each extension. */
export function claimOther(extension: OtherExtension): void {
  describe(`${extension.name}: contract of others`, { timeout: 60_000 }, () => {
    const folder = new URL(`../../plugins/others/${extension.name}/`, import.meta.url);
    const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
    const handlers = handlersOf(extension.definition);
    const { on = {}, actions = {}, pages = {} } = extension.definition;
    let subject: OtherSubject;
    beforeEach(async () => {
      subject = await extension.start();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    const eventOf = (type: string, data: JsonObject, id = `evt-${type}`): EventMessage => ({
      id,
      type,
      at: AT,
      data,
    });
    const sampleOf = (type: string): EventMessage =>
      eventOf(type, extension.samples[type] ?? extension.samples.any);
    const deliver = async (event: EventMessage, context = subject.context()) =>
      await on[event.type]?.(event, context);

    it('has a manifest whose events are the handlers it has', () => {
      const parsed = parseManifest(read('manifest.json'), 'others');
      assert.ok(parsed.ok, JSON.stringify(parsed));
      const events = parsed.manifest.capabilities?.events ?? [];
      assert.deepEqual(events.toSorted(), Object.keys(on).toSorted());
      assert.ok(extension.definition.execute !== undefined || Object.keys(on).length > 0);
      assert.match(read('icon.svg'), /^<svg [^>]*aria-label="/);
    });

    it('explains every field of its config, and works with the smallest one', () => {
      const { config } = extension.definition;
      assert.ok(config.safeParse(extension.smallestConfig).success);
      const readme = read('README.md');
      for (const [name, field] of Object.entries<any>(config.shape)) {
        const label = field.meta()?.label ?? field.unwrap?.().meta?.()?.label;
        assert.equal(typeof label, 'string', `${name} has no label`);
        assert.ok(readme.length > 500, 'the README says too little');
      }
    });

    it('names every secret in the manifest, bound to hosts and places', () => {
      const { secrets = {} } = JSON.parse(read('manifest.json'));
      const marked = Object.entries<any>(extension.definition.config.shape)
        .filter(([, field]) => (field.meta()?.secret ?? field.unwrap?.().meta?.()?.secret) === true)
        .map(([name]) => name);
      assert.deepEqual(Object.keys(secrets).toSorted(), marked.toSorted());
    });

    it('says that it is ready', async () => {
      const { ok, message } = await handlers.testConnection(subject.context());
      assert.deepEqual([ok, typeof message], [true, 'string']);
    });

    for (const type of Object.keys(on)) {
      it(`handles ${type} and answers plain JSON`, async () => {
        const result = (await deliver(sampleOf(type))) ?? null;
        assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
      });
    }

    it(
      'has done nothing more after every event came twice',
      { skip: extension.sendsAgain === true },
      async () => {
        for (const type of Object.keys(on)) await deliver(sampleOf(type));
        const once = await subject.effects();
        for (const type of Object.keys(on)) await deliver(sampleOf(type));
        assert.deepEqual(await subject.effects(), once);
      },
    );

    it(
      'does the same when an event comes twice at once',
      { skip: extension.sendsAgain === true },
      async () => {
        await using other = await extension.start();
        for (const type of Object.keys(on)) {
          await on[type]?.(sampleOf(type), other.context());
          // One of the two may say that the other is at it: the host delivers that one again.
          await Promise.all([1, 2].map(() => settles(async () => deliver(sampleOf(type)))));
        }
        assert.deepEqual(await subject.effects(), await other.effects());
      },
    );

    it('answers any data with plain JSON or a typed failure', async () => {
      const hostile = fc.dictionary(
        fc.constantFrom(
          'user',
          'invoice',
          'order',
          'fact',
          'id',
          '__proto__',
          'referral',
          'amount',
        ),
        fc.jsonValue({ maxDepth: 3 }),
      );
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...Object.keys(on)), hostile, async (type, data) => {
          const event = eventOf(type, data as JsonObject, crypto.randomUUID());
          await settles(async () => deliver(event));
        }),
        { numRuns: 60 },
      );
    });

    it('declares its actions as a form can show them', () => {
      for (const [name, { label, audience, fields = [] }] of Object.entries(actions)) {
        assert.match(label, /^[A-Z].{3,}/, name);
        assert.match(audience, /^(?:admin|customer|both)$/);
        assert.equal(new Set(fields.map((field) => field.name)).size, fields.length, name);
        for (const { type, options } of fields) {
          assert.match(type, FIELD_TYPES);
          assert.equal(type.includes('select'), options !== undefined, name);
        }
      }
    });

    it('answers any form with a result or a typed failure', async () => {
      for (const [name, action] of Object.entries(actions)) {
        for (const actor of ROLES)
          for (const values of [{}, ...nonsense(action.fields ?? [])]) {
            const input = { subject: {}, values, ...(actor === undefined ? {} : { actor }) };
            const result = await settles(async () => action.run(input, subject.context()));
            const url = (result as { url?: string } | undefined)?.url;
            assert.ok(url === undefined || url.startsWith('https://'), name);
          }
      }
    });

    it('answers any request for a page with a page or a typed failure', async () => {
      for (const [name, page] of Object.entries(pages)) {
        for (const viewer of ROLES)
          for (const params of [
            {},
            { id: '../x', slug: '__proto__', skip: 'NaN', after: '\u0000' },
          ]) {
            const asked = { params, ...(viewer === undefined ? {} : { viewer }) };
            const result: any = await settles(async () => page(asked, subject.context()));
            if (result === undefined) continue;
            assert.ok(result.title.length > 0, name);
            assert.equal(result.contentType === undefined, result.body === undefined, name);
          }
      }
    });

    it('refuses to execute what it does not know, by its field', async () => {
      if (extension.definition.execute === undefined) return;
      for (const input of [null, [], {}, { type: 7 }, { type: '__proto__' }, 'x'] as Json[]) {
        const outcome = await settles(async () => handlers.execute(input, subject.context()));
        if (outcome !== undefined) assert.equal((input as JsonObject)?.['type'], '__proto__');
      }
    });

    it('keeps its secrets out of results, logs, failures and storage', async () => {
      const context = subject.context();
      const said: unknown[] = [];
      for (const type of Object.keys(on)) said.push(await deliver(sampleOf(type), context));
      const end = subject.context({ signal: AbortSignal.abort() });
      for (const type of Object.keys(on).slice(0, 3)) {
        const event = { ...sampleOf(type), id: `again-${type}` };
        said.push(await deliver(event, end).catch((error: unknown) => failureData(error)));
      }
      said.push(context.logs, end.logs, [...context.stored]);
      for (const secret of [...extension.secrets, 'sealed:'])
        assert.ok(!JSON.stringify(said).includes(secret));
    });

    it('stays inside the bounds of the storage', async () => {
      for (const type of Object.keys(on)) await deliver(sampleOf(type));
      const { stored } = subject.context();
      for (const [key, value] of stored) {
        assert.ok(key.length >= 1 && key.length <= 512, key);
        assert.ok(JSON.stringify(value).length <= 65_536, key);
      }
      const { capabilities = {} } = JSON.parse(read('manifest.json'));
      assert.equal(stored.size > 0 && capabilities.storage === undefined, false);
    });
  });
}

/** The value, checked to be plain JSON; undefined for a typed failure; anything else fails the test. */
async function settles(run: () => Promise<unknown>): Promise<unknown> {
  try {
    const value = (await run()) ?? null;
    assert.deepEqual(JSON.parse(JSON.stringify(value)), value);
    return value;
  } catch (error) {
    if (!isFailure(error)) throw error;
    assert.ok(error.failure.message.length > 10);
    return undefined;
  }
}

function failureData(error: unknown): unknown {
  return isFailure(error) ? error.failure : String((error as Error).stack);
}

/** Values of wrong kinds for every field of a form. */
function nonsense(fields: readonly { readonly name: string }[]): JsonObject[] {
  const wrong: Json[] = ['', '../x', '\u0000', -1, 1e308, true, [], {}, null, 'x'.repeat(100_000)];
  return wrong.map((value) => Object.fromEntries(fields.map(({ name }) => [name, value])));
}
