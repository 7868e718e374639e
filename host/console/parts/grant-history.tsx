// Who decided what about the grants of an instance, and what each decision changed.

import type { VNode } from 'preact';

import type { GrantChange } from '../../store/store.ts';
import { get } from '../api.ts';
import { useLoaded } from '../live.ts';
import { changeLines } from './grants.tsx';
import { Show, Table, When } from './ui.tsx';

/** Folded away until somebody asks; `path` is the instance's, `id` what changes call it. */
export function GrantHistory({ path, id }: { readonly path: string; readonly id: string }): VNode {
  const history = useLoaded(
    `${path} grants`,
    () => get<{ changes: readonly GrantChange[] }>(`${path}/grants/history`),
    ({ type, subject }) => type === 'instance.state' && subject === id,
  );
  return (
    <details>
      <summary>Who decided what</summary>
      <Show of={history}>
        {({ changes }) => (
          <Table
            label="Decisions about grants"
            columns={['When', 'Who', 'Did', 'Change']}
            rows={changes.map((change) => ({
              key: `${change.at} ${change.action}`,
              cells: [
                <When at={change.at} />,
                <code>{change.actor}</code>,
                WORDS[change.action] ?? change.action,
                <Difference {...change} />,
              ],
            }))}
            empty="Nothing was decided yet."
          />
        )}
      </Show>
    </details>
  );
}

const WORDS: Readonly<Record<string, string>> = {
  enable: 'enabled',
  'enable.undone': 'taken back: it did not start',
  lock: 'locked',
  unlock: 'lifted the lock',
  allow: 'allowed a request',
};

function Difference({ added, removed }: GrantChange): VNode {
  const lines = [
    ...changeLines(added).map((text) => ({ mark: '+', tone: 'good', text, says: 'Added: ' })),
    ...changeLines(removed).map((text) => ({ mark: '−', tone: 'bad', text, says: 'Removed: ' })),
  ];
  if (lines.length === 0) return <span class="quiet">The same grants</span>;
  return (
    <ul class="plain">
      {lines.map(({ mark, tone, text, says }) => (
        <li key={mark + text}>
          <span class={`badge ${tone}`} aria-hidden="true">
            {mark}
          </span>{' '}
          <span class="hidden">{says}</span>
          {text}
        </li>
      ))}
    </ul>
  );
}
