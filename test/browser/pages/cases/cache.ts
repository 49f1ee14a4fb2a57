/** Programs whose plans are kept in IndexedDB, and what may befall the database. */
import { type CacheCounters, type Device, jit, openDevice, type TracedTensor } from "tensorweft";

export interface Visit {
  readonly values: readonly number[];
  readonly counters: CacheCounters;
  readonly place: string | null;
  readonly problem: string | null;
  readonly prewarmed: number;
  readonly pipelines: number;
}

export interface VisitOptions {
  /** Programs by a factor that makes each another one. Default [2]. */
  readonly factors?: readonly number[];
  readonly prewarm?: string;
  readonly maxBytes?: number;
}

const DATABASE = "kernels";

const open = ({ prewarm, maxBytes }: VisitOptions): Promise<Device> =>
  openDevice({ backend: "webgpu", cache: { database: DATABASE, maxBytes }, prewarm });

async function runAll(device: Device, factors: readonly number[]): Promise<readonly number[]> {
  const values: number[] = [];
  for (const factor of factors) {
    const scale = jit((x: TracedTensor) => x.mul(factor).div(x.mul(x).sum().sqrt()), { name: "scale" });
    values.push(...(await scale(device.tensor([3, 4])).read()));
  }
  return values.map((value) => Math.round(value * 1e4) / 1e4);
}

async function report(device: Device, values: readonly number[]): Promise<Visit> {
  const { cache } = device;
  if (cache === null) throw new Error("there is no cache");
  await cache.flush();
  const { counters, place, problem } = cache;
  return {
    values,
    counters,
    place,
    problem,
    prewarmed: await device.prewarmed,
    pipelines: device.counters.pipelines,
  };
}

/** What a page does that is loaded. */
export async function visit(options: VisitOptions): Promise<Visit> {
  using device = await open(options);
  await device.prewarmed;
  return await report(device, await runAll(device, options.factors ?? [2]));
}

let left: Device | undefined;

/** Opens a device and leaves it open, as pages do. */
export async function stay(options: VisitOptions): Promise<Visit> {
  left = await open(options);
  return report(left, await runAll(left, options.factors ?? [2]));
}

/** The device that was left open goes on. */
export async function goOn(options: VisitOptions): Promise<Visit> {
  if (left === undefined) throw new Error("no device was left open");
  return report(left, await runAll(left, options.factors ?? [2]));
}

interface Row {
  readonly hash: string;
  readonly text: string;
}

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error("a request failed"));
    };
  });

/** A page that is loaded anew takes back what is not complete. */
const complete = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => {
      resolve();
    };
    transaction.onabort = () => {
      reject(transaction.error ?? new Error("a transaction was aborted"));
    };
  });

/** Changes what is kept behind the package's back. */
export async function damage(what: "text" | "plan" | "all"): Promise<number> {
  const db = await settled(indexedDB.open(DATABASE));
  const transaction = db.transaction("texts", "readwrite");
  const done = complete(transaction);
  const store = transaction.objectStore("texts");
  const rows = (await settled(store.getAll())) as Row[];
  for (const row of rows) {
    const text = what === "text" ? row.text.replace("fn main", "fn niam") : "{}";
    await settled(store.put(what === "all" ? { hash: row.hash } : { ...row, text }));
  }
  await done;
  db.close();
  return rows.length;
}

/** As somebody does who knows the format: WGSL that does not compile, or a text that is no entry. */
export async function forge(what: "WGSL" | "form"): Promise<string> {
  const db = await settled(indexedDB.open(DATABASE));
  const [row] = (await settled(db.transaction("texts").objectStore("texts").getAll())) as Row[];
  if (row === undefined) throw new Error("there is no entry");
  const text = what === "WGSL" ? row.text.replace("fn main", "fn niam") : row.text.replace("plan", "plot");
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const sum = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const transaction = db.transaction("texts", "readwrite");
  const done = complete(transaction);
  transaction.objectStore("texts").put({ ...row, text, sum });
  await done;
  db.close();
  return sum;
}

/** As the user does who clears the data of the site. */
export async function clear(): Promise<string> {
  await settled(indexedDB.deleteDatabase(DATABASE));
  return "cleared";
}

/** As in a sandboxed frame, or where the user forbids it. */
export function refuseDatabases(how: "refused" | "missing"): string {
  Object.defineProperty(globalThis, "indexedDB", {
    configurable: true,
    get: () => {
      if (how === "missing") return undefined;
      throw new DOMException("denied", "SecurityError");
    },
  });
  return how;
}

/** As where the disk is full. */
export function refuseWrites(): string {
  IDBObjectStore.prototype.put = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  return "refused";
}
