// The yes of an admin: what it would newly allow, with each line to strike out, and a way into a private
// network, which no manifest can ask for.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import type { Grants } from '../../grants.ts';
import type { ExtensionView, InstanceView } from '../../lifecycle/host.ts';
import { ask } from '../api.ts';
import { mayAdminister } from '../session.ts';
import { grantLines, narrow } from './grants.tsx';
import { Act } from './ui.tsx';

type Lan = NonNullable<Grants['lan']>[number];

/** The form; `path` is the instance's. */
export function EnableForm({
  extension,
  instance,
  path,
  onDone,
}: {
  readonly extension: ExtensionView;
  readonly instance: InstanceView;
  readonly path: string;
  readonly onDone: () => void;
}): VNode {
  const [struck, setStruck] = useState<ReadonlySet<string>>(new Set());
  const [lan, setLan] = useState<readonly Lan[]>(instance.grants?.lan ?? []);
  const had = new Set(grantLines(instance.grants).map(({ key }) => key));
  const asks = grantLines(extension.requested);
  const added = asks.filter(({ key }) => !had.has(key)).length;
  const toggle = (key: string): void => {
    const next = new Set(struck);
    if (!next.delete(key)) next.add(key);
    setStruck(next);
  };
  const enable = async (): Promise<void> => {
    const isAsAsked = struck.size === 0 && lan.length === 0 && instance.grants?.lan === undefined;
    const grants = { ...narrow(extension.requested, struck), ...(lan.length === 0 ? {} : { lan }) };
    await ask('POST', `${path}/enable`, isAsAsked ? {} : { grants });
    onDone();
  };
  return (
    <>
      <fieldset>
        <legend>
          {instance.grants === null
            ? 'What it will be allowed'
            : `What it will be allowed: ${added} new`}
        </legend>
        {asks.length === 0 ? <p class="quiet">It asks for nothing.</p> : null}
        {extension.reason === undefined ? null : (
          <p class="quiet">The author says why: “{extension.reason}”</p>
        )}
        {asks.map(({ key, text, fixed = false }) => (
          <label key={key} class="check">
            <input
              type="checkbox"
              checked={!struck.has(key)}
              disabled={fixed}
              onChange={() => toggle(key)}
            />
            <span>
              {text} {had.has(key) ? null : <span class="badge warn">new</span>}
            </span>
          </label>
        ))}
      </fieldset>
      {mayAdminister() ? <LanForm lan={lan} onChange={setLan} /> : null}
      <Act
        label={instance.enabled ? 'Give these grants' : 'Enable with these grants'}
        tone="main"
        run={enable}
        done="Enabled"
      />
    </>
  );
}

function LanForm({
  lan,
  onChange,
}: {
  readonly lan: readonly Lan[];
  readonly onChange: (lan: readonly Lan[]) => void;
}): VNode {
  const [cidr, setCidr] = useState('');
  const [reason, setReason] = useState('');
  const [http, setHttp] = useState(false);
  const fill = (set: (text: string) => void) => (event: { currentTarget: HTMLInputElement }) =>
    set(event.currentTarget.value);
  const add = (event: Event): void => {
    event.preventDefault();
    onChange([...lan, { cidr, reason, ...(http ? { http } : {}) }]);
    setCidr('');
    setReason('');
    setHttp(false);
  };
  return (
    <details class="card">
      <summary>
        Private network: {lan.length === 0 ? 'none' : lan.map((each) => each.cidr).join(', ')}
      </summary>
      <p class="quiet">
        An extension reaches public addresses only. Name a range when its panel is in your own
        network.
      </p>
      {lan.map((each) => (
        <div key={each.cidr} class="row spread">
          <span>
            <code>{each.cidr}</code> {each.reason}
          </span>
          <button type="button" onClick={() => onChange(lan.filter((other) => other !== each))}>
            Take back {each.cidr}
          </button>
        </div>
      ))}
      <form onSubmit={add}>
        <div class="field">
          <label for="lan-cidr">Range</label>
          <input
            id="lan-cidr"
            required
            value={cidr}
            placeholder="10.0.0.5/32"
            pattern="[0-9a-fA-F.:]+/[0-9]{1,3}"
            title="An address and the length of its prefix, such as 10.0.0.5/32"
            onInput={fill(setCidr)}
          />
        </div>
        <div class="field">
          <label for="lan-reason">Reason</label>
          <input id="lan-reason" required value={reason} onInput={fill(setReason)} />
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={http}
            onChange={({ currentTarget }) => setHttp(currentTarget.checked)}
          />
          <span>Without TLS is allowed there</span>
        </label>
        <button type="submit">Add the range</button>
      </form>
    </details>
  );
}
