// Small parts that every page is made of.

import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';

import { Problem } from '../api.ts';
import type { Loaded } from '../live.ts';
import { showNote } from './notes.tsx';

type Tone = 'good' | 'warn' | 'bad' | '';

const TONES: Readonly<Record<string, Tone>> = {
  running: 'good',
  idle: 'good',
  enabled: 'good',
  done: 'good',
  succeeded: 'good',
  starting: 'warn',
  waiting: 'warn',
  processing: 'warn',
  'waiting-for-grant': 'warn',
  failed: 'bad',
  broken: 'bad',
  quarantined: 'bad',
  dead: 'bad',
  disputed: 'bad',
  forbidden: 'bad',
  unauthenticated: 'bad',
};

/** A state as a coloured word; the word alone says it too. */
export function State({ of }: { readonly of: string }): VNode {
  return <span class={`badge ${TONES[of] ?? ''}`}>{of}</span>;
}

/** The top of a page: where it is, what it is, what can be done. */
export function Head({
  title,
  crumbs = [],
  about,
  children,
}: {
  readonly title: ComponentChildren;
  readonly crumbs?: readonly (readonly [label: string, href: string])[];
  readonly about?: ComponentChildren;
  readonly children?: ComponentChildren;
}): VNode {
  return (
    <div class="page-head">
      <div>
        {crumbs.length === 0 ? null : (
          <nav class="crumbs" aria-label="Where this is">
            {crumbs.map(([label, href]) => (
              <span key={href}>
                <a href={href}>{label}</a> /{' '}
              </span>
            ))}
          </nav>
        )}
        <h1 id="title" tabIndex={-1}>
          {title}
        </h1>
        {about === undefined ? null : <p class="quiet">{about}</p>}
      </div>
      <div class="row">{children}</div>
    </div>
  );
}

/** What failed and what to do about it. */
export function Failed({
  code,
  message,
  remedy,
}: {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string | undefined;
}): VNode {
  return (
    <div class="alert bad" role="alert">
      <strong>{message}</strong>
      {remedy === undefined ? null : <span>{remedy}. </span>}
      <code>{code}</code>
    </div>
  );
}

/** A value once it is there; until then the failure, or that it is being read. */
export function Show<T>({
  of: { value, problem },
  children,
}: {
  readonly of: Loaded<T>;
  readonly children: (value: T) => ComponentChildren;
}): VNode {
  const { code = '', message = '', remedy } = problem ?? {};
  return (
    <>
      {problem === undefined ? null : <Failed {...{ code, message, remedy }} />}
      {value === undefined && problem === undefined ? (
        <p class="quiet" role="status">
          Loading…
        </p>
      ) : null}
      {value === undefined ? null : children(value)}
    </>
  );
}

/** A button that does something on the host: waits for its end, says how it went. */
export function Act({
  label,
  run,
  done,
  tone = '',
  disabled = false,
}: {
  readonly label: string;
  readonly run: () => Promise<unknown>;
  /** What is said when it went well; nothing when absent */
  readonly done?: string;
  readonly tone?: 'main' | 'danger' | '';
  readonly disabled?: boolean;
}): VNode {
  const [isBusy, setBusy] = useState(false);
  const act = (): void => {
    setBusy(true);
    run()
      .then(
        () => {
          if (done !== undefined) showNote('good', done);
        },
        (error: unknown) => showProblem(error),
      )
      .finally(() => setBusy(false));
  };
  return (
    <button
      type="button"
      class={tone}
      disabled={isBusy || disabled}
      aria-busy={isBusy}
      onClick={act}
    >
      {label}
    </button>
  );
}

/** Tells a failure in a note, with its remedy. */
export function showProblem(error: unknown): void {
  if (error instanceof Problem) showNote('bad', error.message, error.remedy);
  else showNote('bad', String(error), 'This is a bug of the console: reload the page');
}

/** A table that turns into a list of cards on a phone. */
export function Table({
  label,
  columns,
  rows,
  empty,
}: {
  readonly label: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly key: string; readonly cells: readonly ComponentChildren[] }[];
  readonly empty: string;
}): VNode {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="table">
      <table aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key}>
              {cells.map((cell, at) => (
                <td key={columns[at]} data-label={columns[at]}>
                  <div>{cell}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A moment, in the reader's own zone; the exact one is its title. */
export function When({ at }: { readonly at: string | null }): VNode {
  if (at === null) return <span class="quiet">–</span>;
  const text = new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  return (
    <time dateTime={at} title={at}>
      {text}
    </time>
  );
}

/** A value as JSON. */
export function Json({ of, label }: { readonly of: unknown; readonly label: string }): VNode {
  return (
    <pre tabIndex={0} role="region" aria-label={label}>
      {JSON.stringify(of, null, 2) ?? 'nothing'}
    </pre>
  );
}
