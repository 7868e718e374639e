// The yes of an admin: what it would newly allow, with each line to strike out, and a way into a private
// network, which no manifest can ask for.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import type { Grants } from '../../grants.ts';
import type { ExtensionView, InstanceView } from '../../lifecycle/host.ts';
import { ask } from '../api.ts';
import { mayAdminister } from '../session.ts';
import { grantLines, narrow } from './grants.tsx';
import type { GrantLine } from './grants.tsx';
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
  const asked = extension.requested.storage?.quotaBytes;
  const [room, setRoom] = useState(instance.grants?.storage?.quotaBytes ?? asked);
  const had = new Set(grantLines(instance.grants).map(({ key }) => key));
  const asks = grantLines({
    ...extension.requested,
    ...(room === undefined ? {} : { storage: { quotaBytes: room } }),
  });
  const hadRoom = instance.grants?.storage?.quotaBytes ?? 0;
  const isNew = (key: string): boolean =>
    !had.has(key) || (key === 'storage' && (room ?? 0) > hadRoom);
  const added = asks.filter(({ key }) => isNew(key)).length;
  const toggle = (key: string): void => {
    const next = new Set(struck);
    if (!next.delete(key)) next.add(key);
    setStruck(next);
  };
  const enable = async (): Promise<void> => {
    const hasLan = lan.length > 0 || instance.grants?.lan !== undefined;
    const isAsAsked = struck.size === 0 && !hasLan && room === asked;
    const grants = {
      ...narrow(extension.requested, struck),
      ...(lan.length === 0 ? {} : { lan }),
      ...(room === undefined || room === asked ? {} : { storage: { quotaBytes: room } }),
    };
    await ask('POST', `${path}/enable`, isAsAsked ? {} : { grants });
    onDone();
  };
  return (
    <>
      <Lines
        legend={
          instance.grants === null
            ? 'What it will be allowed'
            : `What it will be allowed: ${added} new`
        }
        {...{ extension, asks, struck, isNew }}
        onToggle={toggle}
      />
      {asked === undefined ? null : (
        <RoomField asked={asked} room={room ?? asked} onChange={setRoom} />
      )}
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

/** What it asks for, each line to be struck out. */
function Lines({
  legend,
  extension,
  asks,
  struck,
  isNew,
  onToggle,
}: {
  readonly legend: string;
  readonly extension: ExtensionView;
  readonly asks: readonly GrantLine[];
  readonly struck: ReadonlySet<string>;
  readonly isNew: (key: string) => boolean;
  readonly onToggle: (key: string) => void;
}): VNode {
  return (
    <fieldset>
      <legend>{legend}</legend>
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
            onChange={() => onToggle(key)}
          />
          <span>
            {text} {isNew(key) ? <span class="badge warn">new</span> : null}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

const KIB = 1_024;

/** How much it may store: what it asks for, or less. */
function RoomField({
  asked,
  room,
  onChange,
}: {
  readonly asked: number;
  readonly room: number;
  readonly onChange: (bytes: number) => void;
}): VNode {
  const most = Math.ceil(asked / KIB);
  return (
    <div class="field">
      <label for="room">Room for its data, in KiB</label>
      <input
        id="room"
        type="number"
        min={1}
        max={most}
        step={1}
        required
        value={Math.ceil(room / KIB)}
        aria-describedby="room-help"
        onChange={({ currentTarget }) => {
          const wish = Math.min(most, Math.max(1, Math.round(Number(currentTarget.value) || most)));
          currentTarget.value = String(wish);
          onChange(Math.min(asked, wish * KIB));
        }}
      />
      <span id="room-help" class="help">
        It asks for {most}. With less it is told when there is no room left; what it has stored
        stays.
      </span>
    </div>
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
