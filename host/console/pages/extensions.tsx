// Every extension by category, with its state; and the walls that this machine does not keep.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import type { ExtensionView } from '../../lifecycle/host.ts';
import { get, Problem, seg } from '../api.ts';
import { useLoaded } from '../live.ts';
import { Head, Show, State } from '../parts/ui.tsx';
import { mayAdministerHost } from '../session.ts';

type Names = Readonly<Record<string, readonly string[]>>;
/** One that cannot be shown is shown as that. */
type Item = { readonly category: string; readonly name: string } & (
  | { readonly view: ExtensionView }
  | { readonly view?: never; readonly problem: string }
);

/** Views that are asked for at a time: a browser opens six connections to one host. */
const AT_A_TIME = 5;

const TITLES: Readonly<Record<string, string>> = {
  servers: 'Servers',
  gateways: 'Gateways',
  others: 'Others',
};

/** The page. */
export function ExtensionsPage(): VNode {
  const [words, setWords] = useState('');
  const loaded = useLoaded('extensions', readAll, ({ type }) =>
    /^(extension|instance)\./.test(type),
  );
  return (
    <>
      <Head title="Extensions" about="Strangers' code, each in a box of its own.">
        {mayAdministerHost() ? (
          <a class="button" href="#/install">
            Install
          </a>
        ) : null}
      </Head>
      <Walls />
      <Show of={loaded}>
        {(items) => (
          <>
            <div class="filters">
              <label>
                Find an extension
                <input
                  type="search"
                  value={words}
                  onInput={({ currentTarget }) => setWords(currentTarget.value)}
                />
              </label>
            </div>
            {Object.keys(TITLES).map((category) => (
              <Category
                key={category}
                category={category}
                items={items.filter((item) => item.category === category && isMatch(item, words))}
              />
            ))}
          </>
        )}
      </Show>
    </>
  );
}

async function readAll(): Promise<readonly Item[]> {
  const names = await get<Names>('/admin/extensions');
  const refs = Object.entries(names).flatMap(([category, list]) =>
    list.map((name) => ({ category, name })),
  );
  const items: Item[] = [];
  const waiting = refs.entries();
  const work = async (): Promise<void> => {
    for (const [at, ref] of waiting) items[at] = await readOne(ref);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return items;
}

async function readOne(ref: { readonly category: string; readonly name: string }): Promise<Item> {
  try {
    const path = `/admin/extensions/${seg(ref.category, ref.name)}`;
    return { ...ref, view: await get<ExtensionView>(path) };
  } catch (error) {
    if (error instanceof Problem && error.status !== 401) return { ...ref, problem: error.message };
    throw error;
  }
}

function isMatch({ name, view }: Item, words: string): boolean {
  const text = `${name} ${view?.displayName ?? ''} ${view?.description ?? ''}`.toLowerCase();
  return text.includes(words.trim().toLowerCase());
}

function Category({
  category,
  items,
}: {
  readonly category: string;
  readonly items: readonly Item[];
}): VNode {
  return (
    <section aria-labelledby={`category-${category}`}>
      <h2 id={`category-${category}`}>
        {TITLES[category]} <small>{items.length}</small>
      </h2>
      {items.length === 0 ? <p class="empty">None here.</p> : null}
      <ul class="tiles">
        {items.map((item) => (
          <li key={item.name} class="tile">
            <Tile {...item} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Tile(item: Item): VNode {
  const { category, name, view } = item;
  const trusted = view?.instances.some((instance) => instance.trusted) ?? false;
  const running = view?.instances.filter(({ enabled }) => enabled).length ?? 0;
  return (
    <>
      <div class="row spread">
        <a href={`#/extensions/${seg(category, name)}`}>{view?.displayName ?? name}</a>
        <State of={view?.state ?? 'broken'} />
      </div>
      <p>{view?.description ?? ('problem' in item ? item.problem : '')}</p>
      <div class="row">
        <span class="badge">{view?.version ?? '–'}</span>
        <span class="badge">{trusted ? 'trusted' : 'untrusted'}</span>
        {running > 0 ? <span class="badge good">{running} enabled</span> : null}
        {view === undefined || view.problems.length === 0 ? null : (
          <span class="badge bad">
            {view.problems.length === 1 ? 'a problem' : `${view.problems.length} problems`}
          </span>
        )}
      </div>
    </>
  );
}

type Readiness = { readonly checks: { readonly wallsNotHeld?: readonly string[] } };

/** The walls that do not hold, so that nobody believes they do. */
function Walls(): VNode | null {
  const { value } = useLoaded('readiness', readReadiness);
  const missing = value?.checks.wallsNotHeld ?? [];
  if (missing.length === 0) return null;
  return (
    <div class="alert warn" role="status">
      <strong>This machine does not hold every wall</strong>
      <p>Code that broke out of its isolate could</p>
      <ul>
        {missing.map((wall) => (
          <li key={wall}>{wall}</li>
        ))}
      </ul>
      Run <code>npx cofferdam doctor</code> on it to see what is needed.
    </div>
  );
}

async function readReadiness(): Promise<Readiness> {
  const response = await fetch('/readyz', { credentials: 'omit' });
  return (await response.json()) as Readiness;
}
