/** The plugin in Vite's development server: what a page is sent when a source changes, and what its overlay shows. */
import { expect, test } from "vitest";
import { createServer, type ErrorPayload, type ViteDevServer } from "vite";
import { type App, makeApp, viteConfig } from "./make-app.ts";

interface Message {
  readonly type?: string;
  readonly triggeredBy?: string;
  readonly updates?: readonly { readonly path: string }[];
}

interface Dev {
  readonly server: ViteDevServer;
  /** What the server has sent to pages. */
  readonly sent: Message[];
  readonly codeOf: (url: string) => Promise<string>;
}

async function withServer(app: App, act: (dev: Dev) => Promise<void>): Promise<void> {
  const server = await createServer({
    ...viteConfig(app),
    appType: "custom",
    server: { middlewareMode: true, ws: false },
    optimizeDeps: { noDiscovery: true },
  });
  const sent: Message[] = [];
  server.environments.client.hot.send = (message: unknown) => void sent.push(message as Message);
  const codeOf = async (url: string): Promise<string> => (await server.transformRequest(url))?.code ?? "";
  try {
    await act({ server, sent, codeOf });
  } finally {
    await server.close();
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; !(await holds()); turn++) {
    if (turn > 1500) throw new Error("it did not come in 30 seconds");
    await sleep(20);
  }
}

test("a change is built again and reaches pages through the modules that import it", async () => {
  const app = makeApp();
  app.edit("main.ts", "export async", "import.meta.hot?.accept();\nexport async");
  await withServer(app, async ({ sent, codeOf }) => {
    await codeOf("/main.ts");
    expect(await codeOf("/norms.weft")).toContain("shape: [4, 8]");
    await codeOf("/activations.gen.ts");
    app.edit("norms.weft", "D=8", "D=16");
    // Types change whether or not a page asks for the module.
    await until(() => sent.length > 0 && app.read("norms.d.weft.ts").includes("[4, 16]"));
    expect(sent.at(-1)).toMatchObject({ type: "update", updates: [{ path: "/main.ts" }] });
    expect(await codeOf("/norms.weft")).toContain("shape: [4, 16]");

    await sleep(200);
    sent.length = 0;
    app.edit("half.ts", "0.5", "0.25"); // a helper of the kernels
    await until(() => sent.length > 0);
    expect(await codeOf("/activations.gen.ts")).toContain("0.25");
    expect(app.read("activations.gen.ts")).toContain("0.25");
  });
});

test("a page is loaded anew where no module takes the change", async () => {
  const app = makeApp();
  await withServer(app, async ({ sent, codeOf }) => {
    await codeOf("/main.ts");
    await codeOf("/norms.weft");
    app.edit("norms.weft", "D=8", "D=16");
    await until(() => sent.length > 0);
    expect(sent).toMatchObject([{ type: "full-reload" }]);
  });
});

test("the overlay has file, line, column, the quoted line and the way out; mending the file mends the page", async () => {
  const app = makeApp();
  await withServer(app, async ({ sent, codeOf }) => {
    await codeOf("/main.ts");
    await codeOf("/norms.weft");
    app.edit("norms.weft", "mean(", "meen(");
    await until(() => sent.length > 0);
    // The first message may be about the types that the plugin wrote at the start.
    let thrown: unknown;
    await until(async () => {
      thrown = await codeOf("/norms.weft").then(
        () => undefined,
        (e: unknown) => e,
      );
      return thrown !== undefined;
    });
    const error = thrown as ErrorPayload["err"];
    expect(error).toMatchObject({
      plugin: "tensorweft",
      id: app.path("norms.weft"),
      loc: { file: app.path("norms.weft"), line: 6, column: 53 },
      message: "error[unknown-name]: unknown function meen\nhelp: did you mean mean?",
    });
    expect(error.frame).toContain("  6 | kernel rms(");
    expect(error.frame).toMatch(/\n +\| +\^{4}\n/);

    await codeOf("/main.ts"); // as the page that was loaded anew
    await sleep(200); // watchers drop a change of a file that changed just before
    sent.length = 0;
    app.edit("norms.weft", "meen(", "mean(");
    await until(() => sent.length > 0);
    await until(async () => (await codeOf("/norms.weft").catch(() => "")).includes("@compute"));
  });
});
