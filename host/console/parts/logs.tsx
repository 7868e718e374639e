// The log of one instance, live. Follows the end unless somebody has scrolled up.

import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import type { LogLine } from '../../broker/receipt.ts';
import { Problem, stream } from '../api.ts';
import { Failed } from './ui.tsx';

const LINES_MAX = 500;
const NEAR_END_PX = 40;

/** The lines; `path` is the instance's. */
export function Logs({ path }: { readonly path: string }): VNode {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [problem, setProblem] = useState<Problem>();
  const list = useRef<HTMLOListElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const abort = new AbortController();
    const add = (type: string, value: unknown): void => {
      if (type === 'log') setLines((old) => [...old, value as LogLine].slice(-LINES_MAX));
    };
    setLines([]);
    setProblem(undefined);
    stream(`${path}/logs`, abort.signal, add).catch((error: unknown) => {
      if (!abort.signal.aborted && error instanceof Problem) setProblem(error);
    });
    return () => abort.abort();
  }, [path]);
  useEffect(() => {
    const { current } = list;
    if (current !== null && isAtEnd.current) current.scrollTop = current.scrollHeight;
  }, [lines]);
  return (
    <>
      {problem === undefined ? null : (
        <Failed code={problem.code} message={problem.message} remedy={problem.remedy} />
      )}
      {lines.length === 0 ? <p class="empty">Nothing was logged yet.</p> : null}
      <ol
        ref={list}
        class="log"
        hidden={lines.length === 0}
        tabIndex={0}
        aria-label="Log lines"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
        }}
      >
        {lines.map(({ at, level, message, fields, callId }) => (
          <li key={`${at}${message}`}>
            <time dateTime={at}>{at.slice(11, 23)}</time>
            <span class={`level ${level === 'error' ? 'bad' : level === 'warn' ? 'warn' : ''}`}>
              {level}
            </span>
            <span>
              {message} {fields === undefined ? null : JSON.stringify(fields)}{' '}
              {callId === undefined ? null : <a href={`#/calls/${callId}`}>call</a>}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}
