// Stripe's official SDK as the isolate gets it: the worker build, web APIs only, no Node.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';

import * as sdk from 'cofferdam/sdk';
import { build } from 'esbuild';

import { createTestContext, createVendorFetch } from '../../helpers/context.ts';
import { SECRET_KEY, startFakeStripe } from '../../vendors/stripe/fake.ts';
import type { extension, StripeConfig } from '../../vendors/stripe/setup.ts';

const options = { timeout: 30_000 };
const entry = fileURLToPath(
  new URL('../../../plugins/gateways/stripe/extension.ts', import.meta.url),
);

// What the isolate offers, as far as this bundle needs it; everything else is a reference error here.
const GLOBALS = {
  AbortController,
  AbortSignal,
  Event,
  EventTarget,
  Headers,
  Request,
  Response,
  ReadableStream,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  atob,
  btoa,
  clearTimeout,
  crypto,
  queueMicrotask,
  setTimeout,
  structuredClone,
};

async function bundle(): Promise<{ code: string; imports: string[]; files: string[] }> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: 'cjs',
    platform: 'neutral',
    conditions: ['workerd', 'worker', 'browser', 'import', 'module', 'default'],
    mainFields: ['browser', 'module', 'main'],
    external: ['cofferdam/sdk'],
    logLevel: 'silent',
  });
  const inputs = Object.values(result.metafile.inputs);
  const outside = inputs.flatMap(({ imports }) => imports.filter(({ external }) => external));
  return {
    code: result.outputFiles[0]?.text ?? '',
    imports: [...new Set(outside.map(({ path }) => path))],
    files: Object.keys(result.metafile.inputs),
  };
}

describe('stripe bundle', () => {
  it('holds the worker build of the SDK and imports nothing of Node', options, async () => {
    const { code, imports, files } = await bundle();
    assert.deepEqual(imports, ['cofferdam/sdk']);
    assert.ok(files.some((file) => file.endsWith('stripe/esm/stripe.esm.worker.js')));
    assert.deepEqual(
      files.filter((file) => /NodePlatform|stripe\.esm\.node/.test(file)),
      [],
    );
    assert.ok(code.length < 1_000_000, `${code.length} bytes`);
  });

  it('takes a payment with nothing but web APIs around it', options, async () => {
    await using fake = await startFakeStripe();
    const { code } = await bundle();
    const load: unknown = runInContext(
      `(function (module, exports, require) {${code}\n})`,
      createContext({ ...GLOBALS }),
    );
    assert.ok(typeof load === 'function');
    const module: { exports: { default?: typeof extension } } = { exports: {} };
    load(module, module.exports, (name: string) => {
      assert.equal(name, 'cofferdam/sdk');
      return sdk;
    });
    const loaded = module.exports.default ?? assert.fail('no default export');
    const config: StripeConfig = loaded.config.parse({ secretKey: 'sealed:k' });
    const fetch = createVendorFetch({
      origins: { 'https://api.stripe.com': fake.origin },
      sealed: { 'sealed:k': SECRET_KEY },
    });
    const total = { amountMinor: 1999, currency: 'EUR' };
    const payment = {
      invoice: { id: '42', total, items: [] },
      amount: total,
      user: { id: '7', email: 'ada@example.com' },
      returnUrl: 'https://panel.example/',
    };
    const result = await loaded.pay(payment, createTestContext({ config, fetch }));
    assert.equal(result.kind, 'redirect');
  });
});
