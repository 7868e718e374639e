// Calls in a table: what ran, how it ended, what it cost.

import type { VNode } from 'preact';

import type { CallRecord } from '../../lifecycle/host.ts';
import { seg } from '../api.ts';
import { State, Table, When } from './ui.tsx';

/** The table. */
export function CallTable({
  calls,
  showsInstance,
}: {
  readonly calls: readonly CallRecord[];
  readonly showsInstance: boolean;
}): VNode {
  const rows = calls.map(({ callId, instance, handler, state, error, receipt, startedAt }) => ({
    key: callId,
    cells: [
      <a href={`#/calls/${seg(callId)}`}>{handler}</a>,
      ...(showsInstance ? [<a href={`#/extensions/${instance}`}>{instance}</a>] : []),
      <>
        <State of={state} /> {error === undefined ? null : <code>{error.code}</code>}
      </>,
      receipt === undefined ? '–' : `${Math.round(receipt.wallMs)} ms`,
      receipt === undefined ? '–' : `${receipt.cpuMs.toFixed(1)} ms`,
      <When at={startedAt} />,
    ],
  }));
  return (
    <Table
      label="Calls"
      columns={['Handler', ...(showsInstance ? ['Instance'] : []), 'End', 'Took', 'CPU', 'Began']}
      rows={rows}
      empty="No call was kept. The last thousand are, until the host restarts."
    />
  );
}
