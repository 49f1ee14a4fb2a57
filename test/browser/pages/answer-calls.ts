/** Takes calls from the test (see ../site.ts) until the page is closed, and runs them side by side. */
/// <reference types="vite/types/importMeta.d.ts" />

interface Call {
  readonly id: number;
  readonly file: string;
  readonly name: string;
  readonly argument: unknown;
}

const cases = import.meta.glob<Readonly<Record<string, unknown>>>("./cases/*.ts");

/** `without`: global names that are taken away before any other code is loaded, as in browsers that do not have them. */
export async function answerCalls(tab: string, without: readonly string[]): Promise<never> {
  for (const name of without) Reflect.deleteProperty(globalThis, name);
  for (;;) {
    const response = await fetch(`/calls?tab=${tab}`);
    for (const call of (await response.json()) as readonly Call[]) void answer(tab, call);
  }
}

async function answer(tab: string, { id, file, name, argument }: Call): Promise<void> {
  let outcome: object;
  try {
    const module = await cases[`./cases/${file}.ts`]?.();
    const run = module?.[name];
    if (typeof run !== "function") throw new Error(`pages/cases/${file}.ts exports no function ${name}`);
    outcome = { value: await (run as (argument: unknown) => unknown)(argument) };
  } catch (error) {
    const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    outcome = { error: { message, stack } };
  }
  await fetch(`/results?tab=${tab}`, { method: "POST", body: JSON.stringify({ id, ...outcome }) });
}
