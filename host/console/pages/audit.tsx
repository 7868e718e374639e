// Who did what, and what was refused.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import { get } from '../api.ts';
import { useLoaded } from '../live.ts';
import { Head, Show, State, Table, When } from '../parts/ui.tsx';

type Entry = {
  readonly id: number;
  readonly at: string;
  readonly actor: string;
  readonly role: string;
  readonly action: string;
  readonly subject: string;
  readonly outcome: string;
};

type Filter = {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly outcome: string;
  /** In the reader's own zone, as the control has it */
  readonly since: string;
  readonly until: string;
};

const ALL: Filter = { actor: '', action: '', subject: '', outcome: '', since: '', until: '' };

/** The page. */
export function AuditPage(): VNode {
  const [filter, setFilter] = useState(ALL);
  const [before, setBefore] = useState<number>();
  const query = new URLSearchParams({
    limit: '100',
    ...given(filter),
    ...(before === undefined ? {} : { before: String(before) }),
  });
  const page = useLoaded(`audit ${query}`, () =>
    get<{ entries: Entry[]; next: number | null }>(`/admin/audit?${query}`),
  );
  const find = (next: Filter): void => {
    setBefore(undefined);
    setFilter(next);
  };
  return (
    <>
      <Head title="Audit" about="Every change and every refusal, newest first.">
        <button type="button" onClick={page.reload}>
          Read again
        </button>
      </Head>
      <Filters onFind={find} />
      <section class="card">
        <Show of={page}>
          {({ entries, next }) => (
            <>
              <Table
                label="Audit"
                columns={['When', 'Who', 'Did', 'To', 'Outcome']}
                rows={entries.map(({ id, at, actor, role, action, subject, outcome }) => ({
                  key: String(id),
                  cells: [
                    <When at={at} />,
                    <>
                      <code>{actor}</code> <span class="quiet">{role}</span>
                    </>,
                    action,
                    <code>{subject}</code>,
                    <State of={outcome} />,
                  ],
                }))}
                empty={filter === ALL ? 'Nothing happened yet.' : 'Nothing fits these filters.'}
              />
              <div class="row end">
                {before === undefined ? null : (
                  <button type="button" onClick={() => setBefore(undefined)}>
                    Newest
                  </button>
                )}
                {next === null ? null : (
                  <button type="button" onClick={() => setBefore(next)}>
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

const WORDS = [
  ['actor', 'Who', 'tok_…, or an address'],
  ['action', 'Did', 'instance.enable, or instance'],
  ['subject', 'To', 'servers/proxmox'],
  ['outcome', 'Outcome', 'done, forbidden, …'],
] as const;
const TIMES = [
  ['since', 'Since'],
  ['until', 'Until'],
] as const;

/** Typed in first, looked for at once: half a name finds nothing. */
function Filters({ onFind }: { readonly onFind: (filter: Filter) => void }): VNode {
  const [draft, setDraft] = useState(ALL);
  const fill =
    (name: keyof Filter) =>
    ({ currentTarget: { value } }: { currentTarget: HTMLInputElement }): void =>
      setDraft({ ...draft, [name]: value });
  return (
    <form
      class="filters"
      role="search"
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault();
        onFind(draft);
      }}
    >
      {WORDS.map(([name, label, placeholder]) => (
        <label key={name}>
          {label}
          <input
            placeholder={placeholder}
            spellcheck={false}
            autocomplete="off"
            value={draft[name]}
            onInput={fill(name)}
          />
        </label>
      ))}
      {TIMES.map(([name, label]) => (
        <label key={name}>
          {label}
          <input type="datetime-local" value={draft[name]} onInput={fill(name)} />
        </label>
      ))}
      <div class="row">
        <button type="submit" class="main">
          Find
        </button>
        <button
          type="button"
          onClick={() => {
            setDraft(ALL);
            onFind(ALL);
          }}
        >
          Show all
        </button>
      </div>
    </form>
  );
}

/** What was filled in, as the API takes it: times in UTC. */
function given({ since, until, ...words }: Filter): Record<string, string> {
  const entries = [
    ...Object.entries(words),
    ['since', utcOf(since)],
    ['until', utcOf(until)],
  ] as const;
  return Object.fromEntries(
    entries.map(([name, text]) => [name, text?.trim() ?? '']).filter(([, text]) => text !== ''),
  ) as Record<string, string>;
}

function utcOf(local: string): string {
  const date = new Date(local);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
