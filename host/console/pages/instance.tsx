// One instance: how it runs, what it is set to, what it may do, what it says, what it did.

import type { VNode } from 'preact';

import type { CallRecord, ExtensionView, InstanceView } from '../../lifecycle/host.ts';
import { ask, get, seg } from '../api.ts';
import { useLoaded } from '../live.ts';
import { CallTable } from '../parts/call-table.tsx';
import { ConfigForm } from '../parts/config-form.tsx';
import { confirm } from '../parts/confirm.tsx';
import { EnableForm } from '../parts/enable.tsx';
import { GrantHistory } from '../parts/grant-history.tsx';
import { GrantTable } from '../parts/grants.tsx';
import { Logs } from '../parts/logs.tsx';
import { RunHandler } from '../parts/run-handler.tsx';
import { Act, Failed, Head, Show, State } from '../parts/ui.tsx';
import { go } from '../route.ts';
import { mayAdministerHost, mayOperate } from '../session.ts';

type Ref = { readonly category: string; readonly name: string; readonly instance: string };
type Whole = { readonly extension: ExtensionView; readonly instance: InstanceView };
type Part = Whole & { readonly path: string; readonly reload: () => void };

/** The page. */
export function InstancePage({ category, name, instance }: Ref): VNode {
  const extensionPath = `/admin/extensions/${seg(category, name)}`;
  const path = `${extensionPath}/instances/${seg(instance)}`;
  const id = `${category}/${name}/${instance}`;
  const loaded = useLoaded<Whole>(
    path,
    async () => {
      const [extension, view] = await Promise.all([
        get<ExtensionView>(extensionPath),
        get<InstanceView>(path),
      ]);
      return { extension, instance: view };
    },
    ({ subject }) => subject === id || subject === `${category}/${name}`,
  );
  return (
    <Show of={loaded}>
      {(whole) => (
        <>
          <Head
            title={instance}
            crumbs={[
              ['Extensions', '#/extensions'],
              [whole.extension.displayName, `#/extensions/${seg(category, name)}`],
            ]}
            about={<Facts {...whole} />}
          >
            {mayOperate() ? <Controls {...whole} path={path} reload={loaded.reload} /> : null}
          </Head>
          <LastError instance={whole.instance} />
          <div class="two">
            <section class="card" aria-labelledby="config">
              <h2 id="config">Configuration</h2>
              <ConfigForm
                path={path}
                extensionPath={extensionPath}
                stored={whole.instance.config}
                canSave={mayOperate()}
                onSaved={loaded.reload}
              />
            </section>
            <GrantCard {...whole} path={path} id={id} reload={loaded.reload} />
          </div>
          {mayOperate() && whole.instance.enabled ? (
            <RunHandler path={path} id={id} handlers={whole.extension.handlers} />
          ) : null}
          <section class="card" aria-labelledby="logs">
            <h2 id="logs">Log</h2>
            <Logs path={path} />
          </section>
          <LastCalls id={id} />
        </>
      )}
    </Show>
  );
}

function Facts({ instance }: Whole): VNode {
  const { state, trusted, generation, configVersion, callsRunning } = instance;
  return (
    <span class="row">
      <State of={state} />
      <span class="badge">{trusted ? 'trusted' : 'untrusted'}</span>
      <span>
        generation <code>{generation?.slice(0, 8) ?? 'none'}</code>, config version {configVersion},{' '}
        {callsRunning} calls running
      </span>
    </span>
  );
}

function Controls({ extension, instance, path, reload }: Part): VNode {
  const post = (verb: string) => async (): Promise<void> => {
    await ask('POST', `${path}/${verb}`);
    reload();
  };
  const disable = async (): Promise<void> => {
    const yes = await confirm({
      title: `Disable ${instance.instance}?`,
      text: 'Calls under way may finish. New calls, events and webhooks are refused until it is enabled again.',
      yes: 'Disable it',
    });
    if (yes) await post('disable')();
  };
  const remove = async (): Promise<void> => {
    const yes = await confirm({
      title: `Delete ${instance.instance}?`,
      text: 'Its config, its secrets and everything it stored are deleted. Payments in the ledger stay.',
      yes: 'Delete it',
    });
    if (!yes) return;
    await ask('DELETE', path);
    go(`/extensions/${seg(extension.category, extension.name)}`);
  };
  const trust = async (): Promise<void> => {
    const yes = await confirm(
      instance.trusted
        ? {
            title: 'Give it a box of its own?',
            text: 'It moves out of the process that trusted extensions share.',
            yes: 'Mark as untrusted',
          }
        : {
            title: `Trust ${instance.instance}?`,
            text: 'It moves into one process with every other trusted extension: less memory, one wall less.',
            yes: 'Mark as trusted',
          },
    );
    if (!yes) return;
    await ask('PATCH', path, { trusted: !instance.trusted });
    reload();
  };
  return (
    <>
      {instance.enabled ? (
        <>
          <Act label="Restart" run={post('restart')} done="Restarted" />
          <Act label="Disable" tone="danger" run={disable} />
        </>
      ) : null}
      {mayAdministerHost() ? (
        <Act label={instance.trusted ? 'Do not trust' : 'Trust'} run={trust} />
      ) : null}
      {instance.enabled ? null : <Act label="Delete" tone="danger" run={remove} />}
    </>
  );
}

function LastError({ instance: { lastError } }: { readonly instance: InstanceView }): VNode | null {
  return lastError === null ? null : <Failed {...lastError} />;
}

function GrantCard({
  extension,
  instance,
  path,
  id,
  reload,
}: Part & { readonly id: string }): VNode {
  const isWaiting = instance.state === 'waiting-for-grant';
  return (
    <section class="card" aria-labelledby="grants">
      <h2 id="grants">What it may do</h2>
      {isWaiting ? (
        <div class="alert warn" role="status">
          <strong>A newer version asks for more and waits for your yes</strong>
          The one before it goes on working meanwhile.
        </div>
      ) : null}
      {instance.enabled && !isWaiting ? (
        <GrantTable requested={extension.requested} granted={instance.grants} />
      ) : null}
      {mayOperate() ? (
        instance.enabled && !isWaiting ? (
          <details>
            <summary>Change what it may do</summary>
            <EnableForm {...{ extension, instance, path }} onDone={reload} />
          </details>
        ) : (
          <EnableForm {...{ extension, instance, path }} onDone={reload} />
        )
      ) : null}
      <GrantHistory path={path} id={id} />
    </section>
  );
}

function LastCalls({ id }: { readonly id: string }): VNode {
  const calls = useLoaded(`calls of ${id}`, () =>
    get<{ calls: CallRecord[] }>(`/admin/calls?limit=10&instance=${encodeURIComponent(id)}`),
  );
  return (
    <section class="card" aria-labelledby="calls">
      <div class="row spread">
        <h2 id="calls">Last calls</h2>
        <button type="button" onClick={calls.reload}>
          Read again
        </button>
      </div>
      <Show of={calls}>
        {({ calls: list }) => <CallTable calls={list} showsInstance={false} />}
      </Show>
    </section>
  );
}
