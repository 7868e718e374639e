// The ledger: what gateways say of payments, refunds and disputes, in the order in which they changed.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import { get } from '../api.ts';
import { useLoaded } from '../live.ts';
import { Head, Show, State, Table, When } from '../parts/ui.tsx';

type Fact = {
  readonly cursor: string;
  readonly instance: string;
  readonly externalId: string;
  readonly kind: string;
  readonly state: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly invoiceId: string | null;
  readonly matched: boolean | null;
  readonly problem: string | null;
  readonly changedAt: string;
};

const PAGE = 100;

/** The page. */
export function FactsPage(): VNode {
  const [cursors, setCursors] = useState<readonly string[]>(['0']);
  const after = cursors.at(-1) ?? '0';
  const facts = useLoaded(
    `facts ${after}`,
    () => get<{ facts: Fact[]; next: string }>(`/facts?after=${after}&limit=${PAGE}`),
    ({ type }) => type === 'fact.recorded',
  );
  return (
    <>
      <Head
        title="Payments"
        about="What gateways say happened, kept once each, in whatever order it was told."
      />
      <section class="card">
        <Show of={facts}>
          {({ facts: list, next }) => (
            <>
              <Table
                label="Payments"
                columns={['What', 'Amount', 'State', 'Invoice', 'Gateway', 'Changed', 'Look at']}
                rows={list.map(rowOf)}
                empty="No gateway has told of a payment yet."
              />
              <div class="row end">
                {cursors.length === 1 ? null : (
                  <button type="button" onClick={() => setCursors(cursors.slice(0, -1))}>
                    Before
                  </button>
                )}
                {list.length < PAGE ? null : (
                  <button type="button" onClick={() => setCursors([...cursors, next])}>
                    After
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

function rowOf(fact: Fact): { key: string; cells: (string | VNode)[] } {
  return {
    key: `${fact.instance} ${fact.externalId}`,
    cells: [
      <>
        {fact.kind} <code>{fact.externalId}</code>
      </>,
      money(fact),
      <State of={fact.state} />,
      fact.invoiceId ?? '–',
      <a href={`#/extensions/${fact.instance}`}>{fact.instance}</a>,
      <When at={fact.changedAt} />,
      fact.problem === null ? (
        fact.matched === true ? (
          <span class="badge good">matches</span>
        ) : (
          <span class="badge">not asked for</span>
        )
      ) : (
        <span class="badge bad">{fact.problem}</span>
      ),
    ],
  };
}

/** Minor units as people write money; a currency that the browser does not know stays as it is. */
function money({ amountMinor, currency }: Fact): string {
  try {
    const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
    const { maximumFractionDigits = 2 } = format.resolvedOptions();
    return format.format(amountMinor / 10 ** maximumFractionDigits);
  } catch (error) {
    if (error instanceof RangeError) return `${amountMinor} ${currency} (minor units)`;
    throw error;
  }
}
