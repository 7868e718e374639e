// Tokens: made here, shown once, revoked here.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import type { Scope } from '../../scope.ts';
import { ask, get, seg } from '../api.ts';
import { useLoaded } from '../live.ts';
import { confirm } from '../parts/confirm.tsx';
import { showNote } from '../parts/notes.tsx';
import { Act, Head, Show, showProblem, Table, When } from '../parts/ui.tsx';
import { session } from '../session.ts';

type Token = {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly scope: Scope;
  readonly requestsPerMinute: number | null;
};

const ROLES = [
  ['viewer', 'viewer: looks'],
  ['operator', 'operator: configures, enables, calls'],
  ['admin', 'admin: everything'],
  ['panel', 'panel: the program that calls handlers'],
] as const;

/** The page. */
export function TokensPage(): VNode {
  const [secret, setSecret] = useState('');
  const tokens = useLoaded('tokens', () => get<{ tokens: Token[] }>('/admin/tokens'));
  const revoke =
    ({ id, name }: Token) =>
    async (): Promise<void> => {
      const yes = await confirm({
        title: `Revoke “${name}”?`,
        text:
          id === session.value?.id
            ? 'It is the one you are signed in with: you will need another.'
            : 'Whoever uses it is refused at once.',
        yes: 'Revoke it',
      });
      if (!yes) return;
      await ask('DELETE', `/admin/tokens/${seg(id)}`);
      tokens.reload();
    };
  return (
    <>
      <Head title="Tokens" about="Who may ask this host, and for what. Secrets are kept hashed." />
      {secret === '' ? null : <Secret secret={secret} onClose={() => setSecret('')} />}
      <section class="card" aria-labelledby="all">
        <h2 id="all">All tokens</h2>
        <Show of={tokens}>
          {({ tokens: list }) => (
            <Table
              label="Tokens"
              columns={['Name', 'Role', 'Reaches', 'Per minute', 'Made', 'Ends', 'Do']}
              rows={list.map((token) => ({
                key: token.id,
                cells: [
                  <>
                    {token.name}{' '}
                    {token.id === session.value?.id ? <span class="badge good">you</span> : null}
                  </>,
                  token.role,
                  <ScopeList of={token.scope} />,
                  token.requestsPerMinute ?? 'as the host',
                  <When at={token.createdAt} />,
                  token.expiresAt === null ? 'never' : <When at={token.expiresAt} />,
                  <Act label={`Revoke ${token.name}`} tone="danger" run={revoke(token)} />,
                ],
              }))}
              empty="There is none."
            />
          )}
        </Show>
      </section>
      <NewToken
        onMade={(made) => {
          setSecret(made);
          tokens.reload();
        }}
      />
    </>
  );
}

function ScopeList({ of }: { readonly of: Scope }): VNode {
  if (of === null) return <span class="quiet">everything</span>;
  return (
    <>
      {of.map((entry) => (
        <div key={entry}>
          <code>{entry}</code>
        </div>
      ))}
    </>
  );
}

function Secret({ secret, onClose }: { secret: string; onClose: () => void }): VNode {
  return (
    <div class="alert good" role="status">
      <strong>Copy the token now: it is shown this once</strong>
      <pre tabIndex={0} role="region" aria-label="The new token">
        {secret}
      </pre>
      <div class="row">
        <Act label="Copy" run={() => navigator.clipboard.writeText(secret)} done="Copied" />
        <button type="button" onClick={onClose}>
          I have it
        </button>
      </div>
    </div>
  );
}

/** What is typed in; all of it text. */
type Draft = {
  readonly name: string;
  readonly role: string;
  readonly scope: string;
  readonly bound: string;
  readonly day: string;
};

const EMPTY: Draft = { name: '', role: 'viewer', scope: '', bound: '', day: '' };

function NewToken({ onMade }: { readonly onMade: (secret: string) => void }): VNode {
  const [draft, setDraft] = useState(EMPTY);
  const create = async (): Promise<void> => {
    const made = await ask<{ secret: string }>('POST', '/admin/tokens', wishOf(draft));
    setDraft({ ...EMPTY, role: draft.role });
    showNote('good', 'The token is made');
    onMade(made.secret);
  };
  const fill =
    (field: keyof Draft) =>
    ({ currentTarget: { value } }: { currentTarget: { value: string } }): void =>
      setDraft({ ...draft, [field]: value });
  return (
    <section class="card" aria-labelledby="new">
      <h2 id="new">New token</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          create().catch(showProblem);
        }}
      >
        <div class="field">
          <label for="token-name">Name</label>
          <input
            id="token-name"
            required
            maxLength={100}
            value={draft.name}
            onInput={fill('name')}
          />
        </div>
        <div class="field">
          <label for="token-role">Role</label>
          <select id="token-role" value={draft.role} onChange={fill('role')}>
            {ROLES.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </div>
        <Bounds draft={draft} fill={fill} />
        <button type="submit" class="main">
          Make the token
        </button>
      </form>
    </section>
  );
}

type Fill = (field: keyof Draft) => (event: { currentTarget: { value: string } }) => void;

function Bounds({ draft, fill }: { readonly draft: Draft; readonly fill: Fill }): VNode {
  return (
    <>
      <div class="field">
        <label for="token-scope">Narrowed to</label>
        <textarea
          id="token-scope"
          rows={3}
          spellcheck={false}
          placeholder="gateways/stripe/default"
          value={draft.scope}
          aria-describedby="token-scope-help"
          onInput={fill('scope')}
        />
        <span id="token-scope-help" class="help">
          One a line: an extension as category/name, or one of its instances as
          category/name/instance. Leave it empty for everything.
        </span>
      </div>
      <div class="field">
        <label for="token-bound">Requests in a minute</label>
        <input
          id="token-bound"
          type="number"
          min={1}
          step={1}
          value={draft.bound}
          aria-describedby="token-bound-help"
          onInput={fill('bound')}
        />
        <span id="token-bound-help" class="help">
          More are refused until the minute is over. Leave it empty for as many as the host takes.
        </span>
      </div>
      <div class="field">
        <label for="token-ends">Ends on</label>
        <input
          id="token-ends"
          type="date"
          value={draft.day}
          aria-describedby="token-ends-help"
          onInput={fill('day')}
        />
        <span id="token-ends-help" class="help">
          At the start of that day, UTC. Leave it empty for never.
        </span>
      </div>
    </>
  );
}

/** What is sent: fields that were left empty are left away. */
function wishOf({ name, role, scope, bound, day }: Draft): object {
  const entries = scope.split(/[\s,]+/).filter((entry) => entry !== '');
  return {
    name,
    role,
    ...(entries.length === 0 ? {} : { scope: entries }),
    ...(bound === '' ? {} : { requestsPerMinute: Number(bound) }),
    ...(day === '' ? {} : { expiresAt: `${day}T00:00:00Z` }),
  };
}
