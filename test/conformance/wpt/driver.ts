// Runs one test file in the global scope it finds itself in, an isolate or plain Node: both sides of the
// comparison run exactly this. It is bundled into an extension, so it knows nothing of Node.

/** One run; `scripts` are loaded before the file at `path`, all of them below `base`. */
export type DriverJob = {
  readonly base: string;
  readonly path: string;
  readonly variant: string;
  readonly scripts: readonly string[];
  readonly deadlineMs: number;
};

/** What came of one run; `error` is the harness's own, empty when it ended well. */
export type Outcome = {
  readonly subtests: readonly (readonly [name: string, outcome: string, message: string])[];
  readonly error: string;
};

/** What testharness.js leaves in the global scope, as far as it is used here. */
type Harness = {
  timeout(): void;
  add_completion_callback(done: (tests: HarnessTest[], status: HarnessStatus) => void): void;
};
type HarnessTest = { readonly name: string; readonly status: number; readonly message: unknown };
type HarnessStatus = { readonly status: number; readonly message: unknown };

/** What a subtest's number means, by testharness.js. */
const OUTCOMES = ['PASS', 'FAIL', 'TIMEOUT', 'NOTRUN', 'PRECONDITION_FAILED'];
const MESSAGE_CHARS = 300;

/** Loads testharness.js, the scripts that the file names and the file itself, in order, as classic scripts. */
export async function runTest({
  base,
  path,
  variant,
  scripts,
  deadlineMs,
}: DriverJob): Promise<Outcome> {
  const load = async (file: string): Promise<string> => {
    const response = await fetch(base + file);
    if (!response.ok) throw new Error(`${file} is not there: status ${response.status}`);
    return response.text();
  };
  const files = ['/resources/testharness.js', ...scripts, path];
  const [harnessText = '', ...texts] = await Promise.all(files.map(load));
  prepareScope(base + path + variant);
  // Indirect: the text runs in the global scope, as a script does.
  // oxlint-disable-next-line eslint/no-eval -- running texts of others is what this file is for
  const evaluate = eval;
  evaluate(harnessText);
  const harness = globalThis as unknown as Harness;
  const { setTimeout } = globalThis;
  const finished = new Promise<Outcome>((resolve) => {
    harness.add_completion_callback((tests, status) => resolve(toOutcome(tests, status)));
  });
  try {
    // One script, so that what one file declares is there for the next.
    evaluate(texts.join('\n;\n'));
  } catch (error) {
    return { subtests: [], error: toText(error instanceof Error ? error.message : error) };
  }
  setTimeout(() => harness.timeout(), deadlineMs);
  return finished;
}

function toOutcome(tests: readonly HarnessTest[], { status, message }: HarnessStatus): Outcome {
  return {
    subtests: tests.map((test) => [
      test.name,
      OUTCOMES[test.status] ?? 'FAIL',
      toText(test.message),
    ]),
    error: status === 0 ? '' : toText(message),
  };
}

function toText(value: unknown): string {
  return value === null || value === undefined ? '' : String(value).slice(0, MESSAGE_CHARS);
}

/** What a browser has beside the platform: where the file lies, and addresses relative to it. */
function prepareScope(href: string): void {
  const { fetch, Request, URL } = globalThis;
  const resolve = (input: any): any =>
    typeof input === 'string' && URL.canParse(input, href) ? new URL(input, href).href : input;
  const values = {
    self: globalThis,
    // By this name the interface tests tell what is to be exposed.
    Window: (Object.getPrototypeOf(globalThis) as object).constructor,
    location: new URL(href),
    GLOBAL: { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false },
    fetch: (input: any, init: any) => fetch(resolve(input), init),
    Request: new Proxy(Request, {
      construct: (target, values: unknown[], self) =>
        Reflect.construct(
          target,
          values.map((value, at) => (at === 0 ? resolve(value) : value)),
          self,
        ) as object,
    }),
  };
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}
