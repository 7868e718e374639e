// The form of an extension's config, made from its fields. A secret goes in and never comes back.

import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import type { Field } from '../../../sdk/domain.ts';
import { ask, get, Problem } from '../api.ts';
import { useLoaded } from '../live.ts';
import { FieldInput } from './field-input.tsx';
import { showNote } from './notes.tsx';
import { Act, Show, showProblem } from './ui.tsx';

type Values = Readonly<Record<string, unknown>>;

/** The form; `path` is the instance's, `extensionPath` that of its extension. */
export function ConfigForm({
  path,
  extensionPath,
  stored,
  canSave,
  onSaved,
}: {
  readonly path: string;
  readonly extensionPath: string;
  readonly stored: Values;
  readonly canSave: boolean;
  readonly onSaved: () => void;
}): VNode {
  const fields = useLoaded(extensionPath, () => get<Field[]>(`${extensionPath}/config`));
  const [values, setValues] = useState<Values>(stored);
  const [problem, setProblem] = useState<Problem>();
  const storedText = JSON.stringify(stored);
  useEffect(() => setValues(stored), [storedText]);
  const wrong = wrongFields(problem);
  const send = (list: readonly Field[]): Values =>
    Object.fromEntries(
      list.flatMap(({ name }) => (values[name] === undefined ? [] : [[name, values[name]]])),
    );
  const save = (list: readonly Field[]) => async (): Promise<void> => {
    setProblem(undefined);
    try {
      await ask('PUT', `${path}/config`, send(list));
      onSaved();
    } catch (error) {
      if (error instanceof Problem) setProblem(error);
      throw error;
    }
  };
  return (
    <Show of={fields}>
      {(list) =>
        list.length === 0 ? (
          <p class="quiet">It has nothing to set.</p>
        ) : (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              save(list)().then(() => showNote('good', 'Saved'), showProblem);
            }}
          >
            {list.map((field) => (
              <FieldInput
                key={field.name}
                field={field}
                value={values[field.name]}
                wrong={wrong[field.name]}
                onChange={(value) => setValues((old) => ({ ...old, [field.name]: value }))}
              />
            ))}
            {canSave ? (
              <div class="row">
                <Act label="Save" tone="main" run={save(list)} done="Saved" />
                <Act label="Test connection" run={() => test(path, send(list))} />
              </div>
            ) : null}
          </form>
        )
      }
    </Show>
  );
}

async function test(path: string, values: Values): Promise<void> {
  const { ok, message, remedy } = await ask<{ ok: boolean; message?: string; remedy?: string }>(
    'POST',
    `${path}/test`,
    { values },
  );
  const said = message ?? (ok ? 'The connection works' : 'The connection fails');
  showNote(ok ? 'good' : 'bad', said, remedy);
}

/** `details.fields` of a refusal: what is wrong with which field. */
function wrongFields(problem: Problem | undefined): Readonly<Record<string, string>> {
  const fields = problem?.details['fields'];
  const one = problem?.details['field'];
  if (problem !== undefined && typeof one === 'string') return { [one]: problem.message };
  if (!Array.isArray(fields)) return {};
  const list: readonly unknown[] = fields;
  return Object.fromEntries(
    list.flatMap((each) => {
      if (typeof each !== 'object' || each === null) return [];
      const { field, message }: { field?: unknown; message?: unknown } = each;
      return typeof field === 'string' ? [[field, String(message)]] : [];
    }),
  );
}
