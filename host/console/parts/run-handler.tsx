// Calling a handler by hand: pick one, give it its input, see what it answers. The input of its last call is
// offered again, because nobody types a service from memory.

import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { CallRecord } from '../../lifecycle/host.ts';
import { ask, get, Problem, seg } from '../api.ts';
import { useLoaded } from '../live.ts';
import { confirm } from './confirm.tsx';
import { Act, Failed, Json } from './ui.tsx';

/** Handlers that only look; all others are asked about first. */
const LOOKS: readonly string[] = [
  ...['usage', 'info', 'list', 'productConfig', 'checkoutConfig', 'validate', 'canUse', 'health'],
];

type Outcome = { readonly callId: string; readonly result: unknown };

/** The card; `path` is the instance's, `id` is `category/name/instance`. */
export function RunHandler({
  path,
  id,
  handlers,
}: {
  readonly path: string;
  readonly id: string;
  readonly handlers: readonly string[];
}): VNode {
  const [handler, setHandler] = useState('');
  const [input, setInput] = useState('');
  const [outcome, setOutcome] = useState<Outcome>();
  const [problem, setProblem] = useState<Problem>();
  const last = useLoaded(`input of ${handler} of ${id}`, () => lastInput(id, handler));
  const lastText = last.value ?? '';
  useEffect(() => setInput(lastText), [handler, lastText]);
  const run = async (): Promise<void> => {
    const isLook = LOOKS.includes(handler) || handler.startsWith('pages.');
    const yes =
      isLook ||
      (await confirm({
        title: `Call ${handler}?`,
        text: 'It does for real what it does: at the vendor, too.',
        yes: 'Call it',
      }));
    if (!yes) return;
    setOutcome(undefined);
    setProblem(undefined);
    try {
      const body = { input: parse(input) };
      setOutcome(await ask<Outcome>('POST', `${path}/calls/${seg(handler)}`, body));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    }
  };
  return (
    <section class="card" aria-labelledby="run">
      <h2 id="run">Call by hand</h2>
      <Pick handlers={handlers} value={handler} onChange={setHandler} />
      <Input value={input} onChange={setInput} />
      <Act label="Call it" tone="main" run={run} disabled={handler === ''} />
      {problem === undefined ? null : (
        <Failed code={problem.code} message={problem.message} remedy={problem.remedy} />
      )}
      {outcome === undefined ? null : (
        <>
          <p role="status">
            It answered: <a href={`#/calls/${seg(outcome.callId)}`}>the whole call</a>
          </p>
          <Json of={outcome.result} label="What it answered" />
        </>
      )}
    </section>
  );
}

type Control = { readonly value: string; readonly onChange: (value: string) => void };

function Pick({
  handlers,
  value,
  onChange,
}: Control & { readonly handlers: readonly string[] }): VNode {
  return (
    <div class="field">
      <label for="run-handler">Handler</label>
      <select
        id="run-handler"
        value={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      >
        <option value="">Choose…</option>
        {handlers
          .filter((name) => !/^on[A-Z]|^testConnection$/.test(name))
          .map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
      </select>
    </div>
  );
}

function Input({ value, onChange }: Control): VNode {
  return (
    <div class="field">
      <label for="run-input">Input, as JSON</label>
      <textarea
        id="run-input"
        class="code"
        placeholder="{}"
        rows={12}
        spellcheck={false}
        value={value}
        aria-describedby="run-help"
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      <div id="run-help" class="help">
        That of its last call is put in; /docs and the SDK say what it may be.
      </div>
    </div>
  );
}

/** The input of the last call of a handler as JSON; empty when none is kept. */
async function lastInput(id: string, handler: string): Promise<string> {
  if (handler === '') return '';
  const query = new URLSearchParams({ instance: id, limit: '100' });
  const { calls } = await get<{ calls: CallRecord[] }>(`/admin/calls?${query}`);
  const last = calls.find((call) => call.handler === handler);
  if (last === undefined) return '';
  const { input } = await get<CallRecord>(`/admin/calls/${seg(last.callId)}`);
  return input === undefined ? '' : JSON.stringify(input, null, 2);
}

/** @throws {Problem} */
function parse(text: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(0, {
      detail: `The input is no JSON: ${(error as Error).message}`,
      code: 'CALLER_INPUT_INVALID',
      remedy: 'Correct it at the place named',
    });
  }
}
