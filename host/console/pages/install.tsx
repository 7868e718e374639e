// Installing or updating an extension from a file.

import type { VNode } from 'preact';
import { useState } from 'preact/hooks';

import type { ExtensionView } from '../../lifecycle/host.ts';
import { ask, Problem, seg } from '../api.ts';
import { showNote } from '../parts/notes.tsx';
import { Failed, Head } from '../parts/ui.tsx';
import { go } from '../route.ts';

/** The page. */
export function InstallPage(): VNode {
  const [file, setFile] = useState<File>();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const install = async (archive: File): Promise<void> => {
    const form = new FormData();
    form.append('archive', archive);
    setProblem(undefined);
    setBusy(true);
    try {
      const view = await ask<ExtensionView>('POST', '/admin/extensions', form);
      showNote('good', `${view.displayName} ${view.version} is installed, not enabled`);
      go(`/extensions/${seg(view.category, view.name)}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Head
        title="Install"
        about="A new extension, or a new version of one that was installed. Nothing of it runs before you enable it."
      />
      {problem === undefined ? null : (
        <>
          <Failed code={problem.code} message={problem.message} remedy={problem.remedy} />
          {Object.keys(problem.details).length === 0 ? null : (
            <pre tabIndex={0} role="region" aria-label="Details">
              {JSON.stringify(problem.details, null, 2)}
            </pre>
          )}
        </>
      )}
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (file !== undefined) void install(file);
        }}
      >
        <div class="field">
          <label for="archive">Archive (.tgz)</label>
          <input
            id="archive"
            type="file"
            required
            accept=".tgz,.gz,application/gzip"
            aria-describedby="archive-help"
            onChange={({ currentTarget }) => setFile(currentTarget.files?.[0])}
          />
          <span id="archive-help" class="help">
            As <code>npx cofferdam pack</code> makes it, or <code>tar -czf</code> of its folder.
          </span>
        </div>
        <button type="submit" class="main" disabled={isBusy} aria-busy={isBusy}>
          {isBusy ? 'Checking and building…' : 'Install'}
        </button>
      </form>
    </>
  );
}
