// The frame around every page: who is signed in, where one can go, whether the host can be heard.

import type { ComponentType, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { Problem, whoIs } from './api.ts';
import { follow, isLive } from './live.ts';
import { AuditPage } from './pages/audit.tsx';
import { CallPage } from './pages/call.tsx';
import { CallsPage } from './pages/calls.tsx';
import { DeliveriesPage } from './pages/deliveries.tsx';
import { ExtensionPage } from './pages/extension.tsx';
import { ExtensionsPage } from './pages/extensions.tsx';
import { FactsPage } from './pages/facts.tsx';
import { InstallPage } from './pages/install.tsx';
import { InstancePage } from './pages/instance.tsx';
import { TokensPage } from './pages/tokens.tsx';
import { Confirm } from './parts/confirm.tsx';
import { Notes } from './parts/notes.tsx';
import { SignIn } from './parts/sign-in.tsx';
import { Mark } from './parts/mark.tsx';
import { Failed } from './parts/ui.tsx';
import { route } from './route.ts';
import { mayAdminister, mayAdministerHost, session, signIn, signOut, token } from './session.ts';

type Page = ComponentType<{ readonly parts: readonly string[] }>;
type Place = {
  readonly name: string;
  readonly label: string;
  /** Who sees it: absent, everybody who may read; else whom this says yes to. */
  readonly isFor?: () => boolean;
  readonly page: Page;
};

const PLACES: readonly Place[] = [
  { name: 'extensions', label: 'Extensions', page: Extensions },
  { name: 'install', label: 'Install', isFor: mayAdministerHost, page: InstallPage },
  { name: 'calls', label: 'Calls', page: Calls },
  { name: 'deliveries', label: 'Deliveries', page: DeliveriesPage },
  { name: 'facts', label: 'Payments', page: FactsPage },
  { name: 'audit', label: 'Audit', isFor: mayAdminister, page: AuditPage },
  { name: 'tokens', label: 'Tokens', isFor: mayAdministerHost, page: TokensPage },
];

/** The whole console. */
export function App(): VNode {
  const problem = useSession();
  if (token.value === '') return <SignIn />;
  return (
    <>
      <a class="skip" href="#title" onClick={focusTitle}>
        Skip to the page
      </a>
      {session.value === undefined ? (
        <main class="page">
          {problem === undefined ? (
            <p role="status">Signing in…</p>
          ) : (
            <Failed code={problem.code} message={problem.message} remedy={problem.remedy} />
          )}
        </main>
      ) : (
        <Frame />
      )}
      <Notes />
      <Confirm />
    </>
  );
}

/** Asks whose the kept token is, after a reload, and follows the host while there is one. */
function useSession(): Problem | undefined {
  const [problem, setProblem] = useState<Problem>();
  const secret = token.value;
  useEffect(() => {
    if (secret === '') return undefined;
    const abort = new AbortController();
    void follow(abort.signal);
    if (session.value === undefined) {
      whoIs(secret).then(
        (whose) => signIn(secret, whose),
        (error: unknown) => {
          if (!(error instanceof Problem)) throw error;
          if (error.status === 401) signOut('The token is no longer good. Sign in with another.');
          else setProblem(error);
        },
      );
    }
    return () => abort.abort();
  }, [secret]);
  return problem;
}

function Frame(): VNode {
  const parts = route.value;
  const [name = 'extensions'] = parts;
  const places = PLACES.filter(({ isFor }) => isFor?.() !== false);
  const place = places.find((each) => each.name === name);
  const key = parts.join('/');
  useEffect(() => {
    const title = document.querySelector('#title');
    document.title = `${title?.textContent ?? 'Console'} · Cofferdam`;
    // A screen reader is told of the new page; the first one reads itself.
    if (key !== '' && title instanceof HTMLElement) title.focus();
  }, [key]);
  return (
    <div class="frame">
      <header class="side">
        <a class="brand" href="#/extensions">
          <Mark /> Cofferdam
        </a>
        <nav aria-label="Pages">
          {places.map((each) => (
            <a
              key={each.name}
              href={`#/${each.name}`}
              aria-current={each.name === name ? 'page' : undefined}
            >
              {each.label}
            </a>
          ))}
          <a href="/docs">API reference</a>
        </nav>
        <div class="who">
          <span role="status">
            <span class={`badge ${isLive.value ? 'good' : 'warn'}`}>
              {isLive.value ? 'live' : 'not connected'}
            </span>{' '}
            {session.value?.role}
            {session.value?.scope === null ? null : ' of a part'}
          </span>
          <button type="button" onClick={() => signOut()}>
            Sign out
          </button>
        </div>
      </header>
      <main class="page">
        {place === undefined ? <Nowhere /> : <place.page key={key} parts={parts.slice(1)} />}
      </main>
    </div>
  );
}

function Extensions({ parts }: { readonly parts: readonly string[] }): VNode {
  const [category, name, instance] = parts;
  if (category === undefined || name === undefined) return <ExtensionsPage />;
  if (instance === undefined) return <ExtensionPage category={category} name={name} />;
  return <InstancePage category={category} name={name} instance={instance} />;
}

function Calls({ parts: [callId] }: { readonly parts: readonly string[] }): VNode {
  return callId === undefined ? <CallsPage /> : <CallPage callId={callId} />;
}

function Nowhere(): VNode {
  return (
    <div class="empty">
      <h1 id="title" tabIndex={-1}>
        There is no such page
      </h1>
      <p>
        Or this token may not see it. <a href="#/extensions">See the extensions</a>
      </p>
    </div>
  );
}

function focusTitle(event: Event): void {
  event.preventDefault();
  const title = document.querySelector('#title');
  if (title instanceof HTMLElement) title.focus();
}
