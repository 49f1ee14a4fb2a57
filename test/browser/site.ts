/**
 * A server on localhost with headers of the test's choice, and calls from the test into its pages.
 *
 * A page asks for its next call by fetch (/calls) and posts what came of it (/results). Playwright's own way, `evaluate`,
 * goes around the page's Content-Security-Policy; this way everything that a test runs obeys it.
 *
 * Ensures: a call either gives what the case returned or throws what it threw; where the page breaks first (an uncaught
 *          error, a violated policy, a missing file), the call rejects with that.
 */
import { createReadStream, existsSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { SiteFiles } from "./build-pages.ts";

/** No inline script, no eval, nothing from elsewhere: what a careful site or an extension sends. */
export const STRICT_POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";

export type Where = "page" | "worker";

export interface SiteOptions {
  /** The Content-Security-Policy of every response. Default: `STRICT_POLICY`. */
  readonly policy?: string | undefined;
  /** Files to serve besides the built pages, by path. */
  readonly files?: SiteFiles | undefined;
  /** Folders of installed packages to serve as well, by path: { "/ort/": "onnxruntime-web/dist/" }. */
  readonly packages?: Readonly<Record<string, string>> | undefined;
}

export interface Tab {
  /** Calls an exported function of pages/cases/<file>.ts in the page or its worker; argument and result are JSON. */
  readonly call: <R>(file: string, name: string, argument?: unknown) => Promise<R>;
  /** What the page wrote to its console, and errors nobody caught. */
  readonly log: readonly string[];
  readonly close: () => Promise<void>;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};

interface Call {
  readonly file: string;
  readonly name: string;
  readonly argument: unknown;
}

interface Outcome {
  readonly value?: unknown;
  readonly error?: { readonly message: string; readonly stack: string };
}

/** Calls on their way to one page. */
class CallBox {
  readonly #waiting: (Call & { readonly id: number })[] = [];
  readonly #settle = new Map<number, (outcome: Outcome) => void>();
  #lastId = 0;
  #asking: ((calls: string) => void) | null = null;
  #failure: string | null = null;

  post(call: Call): Promise<Outcome> {
    if (this.#failure !== null) return Promise.resolve({ error: { message: this.#failure, stack: "" } });
    this.#lastId += 1;
    const id = this.#lastId;
    this.#waiting.push({ ...call, id });
    this.#answer();
    return new Promise((resolve) => this.#settle.set(id, resolve));
  }

  ask(send: (calls: string) => void): void {
    this.#asking = send;
    this.#answer();
  }

  settle({ id, ...outcome }: Outcome & { readonly id: number }): void {
    this.#settle.get(id)?.(outcome);
    this.#settle.delete(id);
  }

  /** No call is answered from now on. */
  fail(message: string): void {
    this.#failure ??= message;
    for (const settle of this.#settle.values()) settle({ error: { message, stack: "" } });
    this.#settle.clear();
  }

  #answer(): void {
    if (this.#asking === null || this.#waiting.length === 0) return;
    this.#asking(JSON.stringify(this.#waiting.splice(0)));
    this.#asking = null;
  }
}

export class Site {
  readonly #browser: Browser;
  readonly #server: Server;
  readonly #options: SiteOptions;
  readonly #boxes: CallBox[] = [];
  #context: Promise<BrowserContext> | null = null;
  #origin = "";

  private constructor(browser: Browser, files: SiteFiles, options: SiteOptions) {
    this.#browser = browser;
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#serve(files, request, response);
    });
  }

  static async open(browser: Browser, files: SiteFiles, options: SiteOptions = {}): Promise<Site> {
    const site = new Site(browser, files, options);
    await new Promise<void>((resolve) => site.#server.listen(0, "127.0.0.1", resolve));
    const address = site.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    site.#origin = `http://localhost:${address.port}`;
    return site;
  }

  /**
   * Opens a page. Pages of one site share an origin and its storage; no two sites do. `without`: globals that the browser is to
   * lack, such as `Float16Array`.
   */
  async open(where: Where, { without = [] }: { readonly without?: readonly string[] } = {}): Promise<Tab> {
    const context = await (this.#context ??= this.#browser.newContext());
    const page = await context.newPage();
    const box = new CallBox();
    const number = this.#boxes.push(box) - 1;
    const log = watch(page, box);
    const lacks = without.map((name) => `&without=${name}`).join("");
    await page.goto(`${this.#origin}/page.html?tab=${number}&where=${where}${lacks}`);
    return {
      log,
      close: () => page.close(),
      call: async <R>(file: string, name: string, argument: unknown = null) => {
        const { value, error } = await box.post({ file, name, argument });
        if (error === undefined) return value as R;
        throw new Error(`${where}, ${file}.${name}: ${error.message}\n${error.stack}\n${log.join("\n")}`);
      },
    };
  }

  async close(): Promise<void> {
    await (await this.#context)?.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(files: SiteFiles, request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.#origin);
    const box = this.#boxes[Number(searchParams.get("tab"))];
    if (pathname === "/calls" && box !== undefined) {
      box.ask((calls) => response.end(calls));
    } else if (pathname === "/results" && box !== undefined) {
      void readBody(request).then((body) => {
        box.settle(JSON.parse(body) as Outcome & { readonly id: number });
        response.end();
      });
    } else this.#sendFile(files, pathname, response);
  }

  #sendFile(files: SiteFiles, path: string, response: ServerResponse): void {
    response.setHeader("content-security-policy", this.#options.policy ?? STRICT_POLICY);
    response.setHeader("content-type", CONTENT_TYPES[extname(path)] ?? "application/octet-stream");
    const built = files.get(path) ?? this.#options.files?.get(path);
    const installed = built === undefined ? this.#findInstalled(path) : undefined;
    if (installed !== undefined) {
      createReadStream(installed).pipe(response);
      return;
    }
    if (built === undefined) response.statusCode = 404;
    response.end(built);
  }

  #findInstalled(path: string): string | undefined {
    for (const [prefix, folder] of Object.entries(this.#options.packages ?? {})) {
      if (!path.startsWith(prefix) || normalize(path) !== path) continue;
      const file = join(packageFolder(folder), path.slice(prefix.length));
      if (existsSync(file)) return file;
    }
    return undefined;
  }
}

const modules = join(dirname(createRequire(import.meta.url).resolve("vite/package.json")), "..");
const packageFolder = (folder: string): string => join(modules, folder);

function watch(page: Page, box: CallBox): readonly string[] {
  const log: string[] = [];
  page.on("console", (message) => log.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => {
    log.push(`uncaught: ${error.message}`);
    box.fail(`an uncaught error in the page: ${error.message}`);
  });
  page.on("crash", () => {
    box.fail("the page crashed");
  });
  page.on("response", (response) => {
    if (response.status() >= 400 && !response.url().endsWith("favicon.ico"))
      box.fail(`${response.url()}: status ${response.status()}`);
  });
  return log;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
