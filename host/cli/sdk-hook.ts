// Loaded before an author's tests: lets `cofferdam/sdk` mean the SDK of this installation, wherever the
// extension's folder lies.

import { registerHooks } from 'node:module';

const SDK: Readonly<Record<string, string>> = {
  'cofferdam/sdk': new URL('../../sdk/index.ts', import.meta.url).href,
  'cofferdam/sdk/testing': new URL('../../sdk/testing.ts', import.meta.url).href,
};

registerHooks({
  resolve(specifier, context, next) {
    const url = SDK[specifier];
    return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
  },
});
