// One extension: what it is, what it asks for, its instances, its generations, what is wrong with it.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import type { ExtensionView } from '../../lifecycle/host.ts';
import { ask, get, seg } from '../api.ts';
import { useLoaded } from '../live.ts';
import { confirm } from '../parts/confirm.tsx';
import { GrantTable } from '../parts/grants.tsx';
import { showNote } from '../parts/notes.tsx';
import { Act, Head, Show, showProblem, State, Table, When } from '../parts/ui.tsx';
import { go } from '../route.ts';
import { mayAdminister, mayOperate } from '../session.ts';

type View = { readonly view: ExtensionView; readonly path: string; readonly reload: () => void };

/** The page. */
export function ExtensionPage({ category, name }: { category: string; name: string }): VNode {
  const path = `/admin/extensions/${seg(category, name)}`;
  const loaded = useLoaded(
    path,
    () => get<ExtensionView>(path),
    ({ subject }) => subject.startsWith(`${category}/${name}`),
  );
  return (
    <Show of={loaded}>
      {(view) => (
        <>
          <Head
            title={view.displayName}
            crumbs={[['Extensions', '#/extensions']]}
            about={view.description}
          >
            <State of={view.state} />
            {mayAdminister() && !view.shipped ? <Remove {...{ view, path }} /> : null}
          </Head>
          <Problems view={view} />
          <div class="two">
            <Instances view={view} path={path} reload={loaded.reload} />
            <section class="card" aria-labelledby="about">
              <h2 id="about">About</h2>
              <dl class="facts">
                <dt>Folder</dt>
                <dd>
                  <code>{`${view.category}/${view.name}`}</code>
                </dd>
                <dt>Version</dt>
                <dd>{view.version}</dd>
                <dt>Author</dt>
                <dd>{view.author}</dd>
                <dt>From</dt>
                <dd>{view.shipped ? 'Shipped with this host' : 'Installed here'}</dd>
                <dt>Handlers</dt>
                <dd>{view.handlers.join(', ') || 'known once it was built'}</dd>
              </dl>
            </section>
            <section class="card" aria-labelledby="asks">
              <h2 id="asks">What it asks for</h2>
              {view.reason === undefined ? null : <p class="quiet">“{view.reason}”</p>}
              <GrantTable
                requested={view.requested}
                granted={view.instances.find(({ grants }) => grants !== null)?.grants ?? null}
              />
            </section>
            <Generations view={view} path={path} reload={loaded.reload} />
          </div>
        </>
      )}
    </Show>
  );
}

function Remove({ view, path }: Omit<View, 'reload'>): VNode {
  const remove = async (): Promise<void> => {
    const yes = await confirm({
      title: `Remove ${view.displayName}?`,
      text: 'Its folder, its configs and everything that its instances stored are deleted. Payments in the ledger stay.',
      yes: 'Remove it',
    });
    if (!yes) return;
    await ask('DELETE', path);
    showNote('good', `${view.displayName} is removed`);
    go('/extensions');
  };
  return <Act label="Remove" tone="danger" run={remove} />;
}

function Problems({ view }: { readonly view: ExtensionView }): VNode | null {
  if (view.problems.length === 0) return null;
  return (
    <section class="card" aria-labelledby="problems">
      <h2 id="problems">Problems</h2>
      <p class="quiet">The last generation that worked goes on until these are corrected.</p>
      {view.problems.map(({ file, line, column, message, lineText, remedy }) => (
        <div key={`${file}:${line}:${column}:${message}`}>
          <strong>{message}</strong>
          {remedy === undefined ? null : <p>{remedy}</p>}
          <pre tabIndex={0} aria-label={`Place of the problem in ${file}`} role="region">
            {line === 0 ? file : `${file}:${line}:${column}`}
            {lineText === undefined ? null : `\n\n${String(line).padStart(5)} | ${lineText}\n`}
            {lineText === undefined || column < 1 ? null : (
              <span class="frame-line">{`      | ${' '.repeat(column - 1)}^`}</span>
            )}
          </pre>
        </div>
      ))}
    </section>
  );
}

function Instances({ view, path, reload }: View): VNode {
  const [name, setName] = useState('');
  const create = async (): Promise<void> => {
    await ask('POST', `${path}/instances`, { instance: name.trim() });
    setName('');
    reload();
  };
  const rows = view.instances.map(({ instance, state, trusted, callsRunning, lastError }) => ({
    key: instance,
    cells: [
      <a href={`#/extensions/${seg(view.category, view.name, instance)}`}>{instance}</a>,
      <State of={state} />,
      trusted ? 'trusted' : 'untrusted',
      callsRunning,
      lastError === null ? '–' : lastError.message,
    ],
  }));
  return (
    <section class="card" aria-labelledby="instances">
      <h2 id="instances">Instances</h2>
      <Table
        label="Instances"
        columns={['Instance', 'State', 'Trust', 'Running', 'Last error']}
        rows={rows}
        empty="There is none."
      />
      {mayOperate() ? (
        <form
          class="filters"
          onSubmit={(event) => {
            event.preventDefault();
            create().then(() => showNote('good', 'Made'), showProblem);
          }}
        >
          <label>
            Another instance
            <input
              required
              value={name}
              pattern="[a-z0-9][a-z0-9\-]*"
              title="Small letters, digits and hyphens"
              placeholder="second-panel"
              onInput={({ currentTarget }) => setName(currentTarget.value)}
            />
          </label>
          <button type="submit">Add</button>
        </form>
      ) : null}
    </section>
  );
}

function Generations({ view, path, reload }: View): VNode {
  const rollback = (generation: string, version: string) => async (): Promise<void> => {
    const yes = await confirm({
      title: `Run generation ${generation.slice(0, 8)}?`,
      text: `Every instance moves to it (version ${version}) at once; calls under way finish in the one they began in.`,
      yes: 'Roll back',
    });
    if (!yes) return;
    await ask('POST', `${path}/rollback`, { generation });
    showNote('good', `Generation ${generation.slice(0, 8)} runs`);
    reload();
  };
  const running = new Set(view.instances.map(({ generation }) => generation));
  const rows = view.generations.map(({ generation, version, at }, index) => ({
    key: generation,
    cells: [
      <code title={generation}>{generation.slice(0, 8)}</code>,
      version,
      <When at={at} />,
      <span class="row">
        {index === 0 ? <span class="badge">newest</span> : null}
        {running.has(generation) ? <span class="badge good">runs</span> : null}
        {mayAdminister() && !running.has(generation) && running.size > 0 ? (
          <Act label="Run this one" tone="danger" run={rollback(generation, version)} />
        ) : null}
      </span>,
    ],
  }));
  return (
    <section class="card" aria-labelledby="generations">
      <h2 id="generations">Generations</h2>
      <Table
        label="Generations"
        columns={['Code', 'Version', 'Built', 'Now']}
        rows={rows}
        empty="Nothing was built yet: that happens when an instance is enabled."
      />
    </section>
  );
}
