// One call: what went in, what came out, what it cost; and the same again.

import type { VNode } from 'preact';

import type { Receipt } from '../../broker/receipt.ts';
import type { CallRecord } from '../../lifecycle/host.ts';
import { ask, get, seg } from '../api.ts';
import { useLoaded } from '../live.ts';
import { confirm } from '../parts/confirm.tsx';
import { Act, Failed, Head, Json, Show, State, Table, When } from '../parts/ui.tsx';
import { go } from '../route.ts';
import { mayOperate } from '../session.ts';

/** The page. */
export function CallPage({ callId }: { readonly callId: string }): VNode {
  const path = `/admin/calls/${seg(callId)}`;
  const call = useLoaded(path, () => get<CallRecord>(path));
  const replay = async (): Promise<void> => {
    const yes = await confirm({
      title: 'Run it again, for real?',
      text: 'The handler gets the same input as a new call. What it did at the vendor it may do a second time.',
      yes: 'Run it again',
    });
    if (!yes) return;
    const outcome = await ask<{ callId: string }>('POST', `${path}/replay`);
    go(`/calls/${outcome.callId}`);
  };
  return (
    <Show of={call}>
      {(record) => (
        <>
          <Head
            title={record.handler}
            crumbs={[['Calls', '#/calls']]}
            about={<code>{callId}</code>}
          >
            <State of={record.state} />
            {mayOperate() ? <Act label="Run again" tone="danger" run={replay} /> : null}
          </Head>
          {record.error === undefined ? null : <Failed {...record.error} />}
          <section class="card" aria-labelledby="what">
            <h2 id="what">What it was</h2>
            <dl class="facts">
              <dt>Instance</dt>
              <dd>
                <a href={`#/extensions/${record.instance}`}>{record.instance}</a>
              </dd>
              <dt>Asked by</dt>
              <dd>
                <code>{record.actor}</code>
              </dd>
              <dt>Began</dt>
              <dd>
                <When at={record.startedAt} />
              </dd>
              {record.replayOf === undefined ? null : (
                <>
                  <dt>Again</dt>
                  <dd>
                    <a href={`#/calls/${seg(record.replayOf)}`}>{record.replayOf}</a>
                  </dd>
                </>
              )}
            </dl>
          </section>
          {record.receipt === undefined ? null : <ReceiptCard receipt={record.receipt} />}
          <div class="two">
            <section class="card" aria-labelledby="input">
              <h2 id="input">Input</h2>
              <Json of={record.input} label="Input" />
            </section>
            <section class="card" aria-labelledby="result">
              <h2 id="result">Result</h2>
              <Json of={record.result} label="Result" />
            </section>
          </div>
        </>
      )}
    </Show>
  );
}

function ReceiptCard({ receipt }: { readonly receipt: Receipt }): VNode {
  const { wallMs, queueMs, cpuMs, heapPeakBytes, generation, capabilities } = receipt;
  const rows = Object.entries(capabilities).map(([name, used]) => ({
    key: name,
    cells: [name, used.calls, used.bytesOut, used.bytesIn, used.denied],
  }));
  return (
    <section class="card" aria-labelledby="receipt">
      <h2 id="receipt">Receipt</h2>
      <dl class="facts">
        <dt>Took</dt>
        <dd>
          {wallMs} ms, after {queueMs} ms in the queue
        </dd>
        <dt>CPU</dt>
        <dd>{cpuMs} ms</dd>
        <dt>Heap</dt>
        <dd>{(heapPeakBytes / 1_048_576).toFixed(1)} MiB at most</dd>
        <dt>Generation</dt>
        <dd>
          <code>{generation.slice(0, 8)}</code>
        </dd>
      </dl>
      {rows.length === 0 ? null : (
        <Table
          label="Capabilities it used"
          columns={['Capability', 'Uses', 'Bytes out', 'Bytes in', 'Denied']}
          rows={rows}
          empty=""
        />
      )}
    </section>
  );
}
