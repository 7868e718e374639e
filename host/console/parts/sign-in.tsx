// Where the token is typed in.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import { Problem, whoIs } from '../api.ts';
import { ended, signIn } from '../session.ts';
import { Mark } from './mark.tsx';
import { Failed } from './ui.tsx';

const USELESS = {
  detail: 'A token of the panel opens no console',
  code: 'CALLER_FORBIDDEN',
  remedy: 'Use a token of role viewer, operator or admin',
};

/** The form. */
export function SignIn(): VNode {
  const [secret, setSecret] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const submit = async (): Promise<void> => {
    setBusy(true);
    try {
      const whose = await whoIs(secret.trim());
      if (whose.role === 'panel') throw new Problem(403, USELESS);
      signIn(secret.trim(), whose);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <div class="brand">
        <Mark /> Cofferdam
      </div>
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h1>Sign in</h1>
        <p class="quiet">
          With a token. The first start of the host printed one; it is kept in this tab only.
        </p>
        {ended.value === '' || problem !== undefined ? null : (
          <div class="alert warn" role="status">
            {ended.value}
          </div>
        )}
        {problem === undefined ? null : (
          <Failed code={problem.code} message={problem.message} remedy={problem.remedy} />
        )}
        <div class="field">
          <label for="token">Token</label>
          <input
            id="token"
            type="password"
            required
            autocomplete="off"
            spellcheck={false}
            value={secret}
            onInput={({ currentTarget }) => setSecret(currentTarget.value)}
          />
        </div>
        <button type="submit" class="main" disabled={isBusy} aria-busy={isBusy}>
          Sign in
        </button>
      </form>
      <p class="quiet">
        <a href="/docs">API reference</a>
      </p>
    </main>
  );
}
