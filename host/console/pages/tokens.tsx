// Tokens: made here, shown once, revoked here.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

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
      <div class="two">
        <section class="card" aria-labelledby="all">
          <h2 id="all">All tokens</h2>
          <Show of={tokens}>
            {({ tokens: list }) => (
              <Table
                label="Tokens"
                columns={['Name', 'Role', 'Made', 'Ends', 'Do']}
                rows={list.map((token) => ({
                  key: token.id,
                  cells: [
                    <>
                      {token.name}{' '}
                      {token.id === session.value?.id ? <span class="badge good">you</span> : null}
                    </>,
                    token.role,
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
      </div>
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

function NewToken({ onMade }: { readonly onMade: (secret: string) => void }): VNode {
  const [name, setName] = useState('');
  const [role, setRole] = useState<string>('viewer');
  const [day, setDay] = useState('');
  const create = async (): Promise<void> => {
    const expiresAt = day === '' ? {} : { expiresAt: `${day}T00:00:00Z` };
    const made = await ask<{ secret: string }>('POST', '/admin/tokens', {
      name,
      role,
      ...expiresAt,
    });
    setName('');
    showNote('good', 'The token is made');
    onMade(made.secret);
  };
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
            value={name}
            onInput={({ currentTarget }) => setName(currentTarget.value)}
          />
        </div>
        <div class="field">
          <label for="token-role">Role</label>
          <select
            id="token-role"
            value={role}
            onChange={({ currentTarget }) => setRole(currentTarget.value)}
          >
            {ROLES.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="token-ends">Ends on</label>
          <input
            id="token-ends"
            type="date"
            value={day}
            aria-describedby="token-ends-help"
            onInput={({ currentTarget }) => setDay(currentTarget.value)}
          />
          <span id="token-ends-help" class="help">
            At the start of that day, UTC. Leave it empty for never.
          </span>
        </div>
        <button type="submit" class="main">
          Make the token
        </button>
      </form>
    </section>
  );
}
