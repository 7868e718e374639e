// Deliveries: what is to reach an instance or the panel, what did, and what was given up.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import type { DeliveryView } from '../../delivery/deliveries.ts';
import { ask, get, seg } from '../api.ts';
import { useLoaded } from '../live.ts';
import { confirm } from '../parts/confirm.tsx';
import { Act, Head, Json, Show, State, Table, When } from '../parts/ui.tsx';
import { mayOperate } from '../session.ts';

type PageOf = { readonly deliveries: readonly DeliveryView[]; readonly next: number | null };

/** The page. */
export function DeliveriesPage({ parts: [id] }: { readonly parts: readonly string[] }): VNode {
  return id === undefined ? <List /> : <One id={id} />;
}

function List(): VNode {
  const [state, setState] = useState('');
  const [kind, setKind] = useState('');
  const [before, setBefore] = useState<number>();
  const query = new URLSearchParams({
    limit: '50',
    ...(state === '' ? {} : { state }),
    ...(kind === '' ? {} : { kind }),
    ...(before === undefined ? {} : { before: String(before) }),
  });
  const page = useLoaded(
    `deliveries ${query}`,
    () => get<PageOf>(`/admin/deliveries?${query}`),
    ({ type }) => type === 'delivery.dead' || type === 'fact.recorded',
  );
  const choose =
    (set: (value: string) => void) => (event: { currentTarget: { value: string } }) => {
      setBefore(undefined);
      set(event.currentTarget.value);
    };
  return (
    <>
      <Head
        title="Deliveries"
        about="Events, webhooks, ticks and messages: stored first, tried until they arrive. A dead one was given up and waits for you."
      >
        <button type="button" onClick={page.reload}>
          Read again
        </button>
      </Head>
      <div class="filters">
        <Choice label="State" value={state} onChange={choose(setState)} of={STATES} />
        <Choice label="Kind" value={kind} onChange={choose(setKind)} of={KINDS} />
      </div>
      <section class="card">
        <Show of={page}>
          {({ deliveries, next }) => (
            <>
              <DeliveryTable deliveries={deliveries} reload={page.reload} />
              {next === null ? null : (
                <div class="row end">
                  <button type="button" onClick={() => setBefore(next)}>
                    Older
                  </button>
                </div>
              )}
            </>
          )}
        </Show>
      </section>
    </>
  );
}

const STATES = ['waiting', 'running', 'done', 'dead'];
const KINDS = ['event', 'webhook', 'schedule', 'reconcile', 'panel'];

function Choice({
  label,
  value,
  onChange,
  of,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (event: { currentTarget: HTMLSelectElement }) => void;
  readonly of: readonly string[];
}): VNode {
  return (
    <label>
      {label}
      <select value={value} onChange={onChange}>
        <option value="">all</option>
        {of.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function DeliveryTable({
  deliveries,
  reload,
}: Pick<PageOf, 'deliveries'> & { readonly reload: () => void }): VNode {
  const rows = deliveries.map((delivery) => ({
    key: delivery.id,
    cells: [
      <a href={`#/deliveries/${seg(delivery.id)}`}>{delivery.type || delivery.kind}</a>,
      delivery.kind,
      delivery.target,
      <>
        <State of={delivery.state} />{' '}
        {delivery.error === null ? null : <span class="quiet">{delivery.error.message}</span>}
      </>,
      delivery.attempt,
      <When at={delivery.endedAt ?? delivery.dueAt} />,
      <Replay delivery={delivery} onDone={reload} />,
    ],
  }));
  return (
    <Table
      label="Deliveries"
      columns={['Type', 'Kind', 'To', 'State', 'Tries', 'Next or end', 'Do']}
      rows={rows}
      empty="There is none."
    />
  );
}

function Replay({
  delivery: { id, state, target },
  onDone,
}: {
  readonly delivery: DeliveryView;
  readonly onDone: () => void;
}): VNode | null {
  if (!mayOperate() || (state !== 'done' && state !== 'dead')) return null;
  const replay = async (): Promise<void> => {
    const yes =
      state === 'dead' ||
      (await confirm({
        title: 'Deliver it a second time?',
        text: `It has arrived at ${target} already. Whoever gets it must know it by its id.`,
        yes: 'Deliver again',
      }));
    if (!yes) return;
    await ask('POST', `/admin/deliveries/${seg(id)}/replay`);
    onDone();
  };
  return <Act label="Try again" run={replay} />;
}

function One({ id }: { readonly id: string }): VNode {
  const path = `/admin/deliveries/${seg(id)}`;
  const loaded = useLoaded(path, () => get<DeliveryView>(path));
  return (
    <Show of={loaded}>
      {(delivery) => (
        <>
          <Head
            title={delivery.type || delivery.kind}
            crumbs={[['Deliveries', '#/deliveries']]}
            about={<code>{id}</code>}
          >
            <State of={delivery.state} />
            <Replay delivery={delivery} onDone={loaded.reload} />
          </Head>
          <section class="card" aria-labelledby="what">
            <h2 id="what">Where it is</h2>
            <dl class="facts">
              <dt>To</dt>
              <dd>{delivery.target}</dd>
              <dt>About</dt>
              <dd>{delivery.subject || '–'}</dd>
              <dt>Tries</dt>
              <dd>{delivery.attempt}</dd>
              <dt>Came</dt>
              <dd>
                <When at={delivery.createdAt} />
              </dd>
              <dt>Next try</dt>
              <dd>
                <When at={delivery.dueAt} />
              </dd>
              <dt>Last error</dt>
              <dd>{delivery.error?.message ?? '–'}</dd>
            </dl>
          </section>
          <section class="card" aria-labelledby="payload">
            <h2 id="payload">What it carries</h2>
            <Json of={delivery.payload} label="What it carries" />
          </section>
        </>
      )}
    </Show>
  );
}
