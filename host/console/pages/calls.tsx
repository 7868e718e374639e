// The last calls of all instances.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import type { CallRecord } from '../../lifecycle/host.ts';
import { get } from '../api.ts';
import { useLoaded } from '../live.ts';
import { CallTable } from '../parts/call-table.tsx';
import { Head, Show } from '../parts/ui.tsx';

/** The page. */
export function CallsPage(): VNode {
  const [state, setState] = useState('');
  const [instance, setInstance] = useState('');
  const [after, setAfter] = useState<string>();
  const query = new URLSearchParams({
    limit: '50',
    ...(state === '' ? {} : { state }),
    ...(instance === '' ? {} : { instance }),
    ...(after === undefined ? {} : { after }),
  });
  const calls = useLoaded(`calls ${query}`, () =>
    get<{ calls: CallRecord[]; next: string | null }>(`/admin/calls?${query}`),
  );
  return (
    <>
      <Head title="Calls" about="What ran in the boxes, newest first.">
        <button type="button" onClick={calls.reload}>
          Read again
        </button>
      </Head>
      <Filters
        state={state}
        instance={instance}
        onState={(value) => {
          setAfter(undefined);
          setState(value);
        }}
        onInstance={(value) => {
          setAfter(undefined);
          setInstance(value);
        }}
      />
      <section class="card">
        <Show of={calls}>
          {({ calls: list, next }) => (
            <>
              <CallTable calls={list} showsInstance />
              <div class="row end">
                {after === undefined ? null : (
                  <button type="button" onClick={() => setAfter(undefined)}>
                    Newest
                  </button>
                )}
                {next === null ? null : (
                  <button type="button" onClick={() => setAfter(next)}>
                    Older
                  </button>
                )}
              </div>
            </>
          )}
        </Show>
      </section>
    </>
  );
}

function Filters({
  state,
  instance,
  onState,
  onInstance,
}: {
  readonly state: string;
  readonly instance: string;
  readonly onState: (value: string) => void;
  readonly onInstance: (value: string) => void;
}): VNode {
  return (
    <div class="filters">
      <label>
        State
        <select value={state} onChange={({ currentTarget }) => onState(currentTarget.value)}>
          <option value="">all</option>
          <option value="running">running</option>
          <option value="done">done</option>
          <option value="failed">failed</option>
        </select>
      </label>
      <label>
        Instance
        <input
          value={instance}
          placeholder="gateways/stripe/default"
          onChange={({ currentTarget }) => onInstance(currentTarget.value.trim())}
        />
      </label>
    </div>
  );
}
