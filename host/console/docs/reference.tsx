// The reference: what each operation does, who may ask, what goes in, what comes out, and a line to try.

import { useEffect, useState } from 'preact/hooks';
import type { VNode } from 'preact';

import { endpointsByTag } from './openapi.ts';
import type { Content, Endpoint, OpenApi } from './openapi.ts';
import { SchemaView } from './schema.tsx';

/** The whole page. */
export function Reference(): VNode {
  const [api, setApi] = useState<OpenApi>();
  const [failure, setFailure] = useState<string>();
  const [words, setWords] = useState('');
  useEffect(() => {
    loadApi().then(setApi, (error: unknown) => setFailure(String(error)));
  }, []);
  if (failure !== undefined) {
    return (
      <main class="docs">
        <div role="alert" class="alert bad">
          Cannot read /openapi.json: {failure}. Reload the page once the host answers.
        </div>
      </main>
    );
  }
  if (api === undefined) return <main class="docs" aria-busy="true" />;
  const groups = [...endpointsByTag(api)].map(([tag, list]) => ({
    tag,
    about: api.tags?.find(({ name }) => name === tag)?.description ?? '',
    list: list.filter((endpoint) => isMatch(endpoint, words)),
  }));
  const shown = groups.filter(({ list }) => list.length > 0);
  return (
    <>
      <a class="skip" href="#content">
        Skip to the operations
      </a>
      <header class="docs-head">
        <h1>
          {api.info.title} API <small>{api.info.version}</small>
        </h1>
        <p>
          {api.info.description} Send <code>authorization: Bearer &lt;token&gt;</code>. Failures are
          problem details with a stable <code>code</code> and a <code>remedy</code>.{' '}
          <a href="/openapi.json">OpenAPI 3.1</a> · <a href="/console">Console</a>
        </p>
        <label class="search">
          Find an operation
          <input
            type="search"
            value={words}
            onInput={({ currentTarget }) => setWords(currentTarget.value)}
          />
        </label>
        <nav aria-label="Groups">
          {shown.map(({ tag }) => (
            <a key={tag} href={`#${tag}`}>
              {tag}
            </a>
          ))}
        </nav>
      </header>
      <main class="docs" id="content" tabIndex={-1}>
        {shown.length === 0 ? <p class="empty">No operation matches “{words}”.</p> : null}
        {shown.map(({ tag, about, list }) => (
          <section key={tag} aria-labelledby={tag}>
            <h2 id={tag}>{tag}</h2>
            <p class="quiet">{about}</p>
            {list.map((endpoint) => (
              <EndpointView key={endpoint.method + endpoint.path} endpoint={endpoint} api={api} />
            ))}
          </section>
        ))}
      </main>
    </>
  );
}

async function loadApi(): Promise<OpenApi> {
  const response = await fetch('/openapi.json');
  if (!response.ok) throw new Error(`status ${response.status}`);
  // Our own document; what is not in it is shown as absent.
  return (await response.json()) as OpenApi;
}

function isMatch({ method, path, of }: Endpoint, words: string): boolean {
  const text = `${method} ${path} ${of.summary ?? ''}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function EndpointView({ endpoint, api }: { endpoint: Endpoint; api: OpenApi }): VNode {
  const { method, path, of } = endpoint;
  const roles = of['x-roles'];
  const body = bodyOf(of.requestBody?.content);
  return (
    <details class="endpoint" id={of.operationId}>
      <summary>
        <span class={`method ${method.toLowerCase()}`}>{method}</span>
        <code class="path">{path}</code>
        <span class="what">{of.summary}</span>
      </summary>
      <p class="quiet">
        {of.description}{' '}
        {roles === undefined ? 'Open to everybody.' : `Roles: ${roles.join(', ')}.`}{' '}
        {of['x-scope'] === 'host' ? 'Closed to tokens that are narrowed.' : ''}
      </p>
      <Parameters endpoint={endpoint} />
      {body === undefined ? null : (
        <>
          <h3>Body ({body.type})</h3>
          <SchemaView schema={body.schema} api={api} />
        </>
      )}
      <h3>Answers</h3>
      {Object.entries(of.responses ?? {}).map(([status, answer]) => {
        const content = bodyOf(answer.content);
        return (
          <div key={status} class="answer">
            <span class={`badge ${/^[23]/.test(status) ? 'good' : 'bad'}`}>{status}</span>{' '}
            {answer.description}
            {content === undefined || !/^[23]/.test(status) ? null : (
              <SchemaView schema={content.schema} api={api} />
            )}
          </div>
        );
      })}
      <h3>Try it</h3>
      <pre tabIndex={0}>{curlFor(endpoint)}</pre>
    </details>
  );
}

function Parameters({ endpoint: { of } }: { endpoint: Endpoint }): VNode | null {
  const { parameters = [] } = of;
  if (parameters.length === 0) return null;
  return (
    <>
      <h3>Parameters</h3>
      <dl class="fields">
        {parameters.map(({ name, in: place, required, description, schema = {} }) => (
          <div key={place + name}>
            <dt>
              <code>{name}</code> <span class="type">{place}</span>
              {required === true ? <span class="badge warn">required</span> : null}
            </dt>
            <dd>{description ?? schema.description}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function bodyOf(
  content: Content | undefined,
): { type: string; schema: NonNullable<Content[string]['schema']> } | undefined {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  return type === undefined || media?.schema === undefined
    ? undefined
    : { type, schema: media.schema };
}

/** A command to paste; the token is a variable of the shell, so that it lands in no history. */
function curlFor({ method, path, of }: Endpoint): string {
  const url = `${location.origin}${path.replaceAll(/\{(\w+)\}/g, '<$1>')}`;
  const type = bodyOf(of.requestBody?.content)?.type;
  return [
    `curl -X ${method} '${url}'`,
    ...(of['x-roles'] === undefined ? [] : ['-H "authorization: Bearer $COFFERDAM_TOKEN"']),
    ...(type === 'application/json' ? ["-H 'content-type: application/json'", "-d '{}'"] : []),
    ...(type === 'multipart/form-data' ? ['-F archive=@extension.tgz'] : []),
  ].join(' \\\n  ');
}
