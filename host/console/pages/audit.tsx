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

/** The page. */
export function AuditPage(): VNode {
  const [before, setBefore] = useState<number>();
  const query = before === undefined ? '' : `&before=${before}`;
  const page = useLoaded(`audit ${query}`, () =>
    get<{ entries: Entry[]; next: number | null }>(`/admin/audit?limit=100${query}`),
  );
  return (
    <>
      <Head title="Audit" about="Every change and every refusal, newest first.">
        <button type="button" onClick={page.reload}>
          Read again
        </button>
      </Head>
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
                empty="Nothing happened yet."
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
