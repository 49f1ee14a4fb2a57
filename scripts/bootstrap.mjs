/**
 * Installs the dependencies when they are missing or older than package-lock.json; otherwise returns at once.
 *
 * Runs before `npm test`, `npm run demo` and `npm run examples`, on whatever Node the machine has: node_modules, and
 * with it the project's own Node 24, need not exist yet. So: plain JavaScript for Node 20, built-in modules only.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {{ version?: string, optional?: boolean, devOptional?: boolean, link?: boolean }} LockedPackage */

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * @param {string} path
 * @returns {Record<string, LockedPackage> | undefined} the packages by folder, undefined where there is no lock file
 */
function readLock(path) {
  if (!existsSync(path)) return undefined;
  /** @type {unknown} */
  const lock = JSON.parse(readFileSync(path, "utf8"));
  return /** @type {{ packages?: Record<string, LockedPackage> }} */ (lock).packages ?? {};
}

/**
 * Why an installation is due, or undefined. npm keeps its own record of what it installed in
 * node_modules/.package-lock.json; comparing it with the lock file takes milliseconds, where `npm ls` takes seconds.
 *
 * @returns {string | undefined}
 */
function reasonToInstall() {
  const wanted = readLock(join(root, "package-lock.json"));
  if (wanted === undefined)
    throw new Error("package-lock.json is missing: restore it with `git checkout package-lock.json`");
  const installed = readLock(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return "node_modules is missing";
  for (const [folder, { version, optional, devOptional }] of Object.entries(wanted)) {
    if (folder === "" || version === undefined) continue;
    const present = installed[folder];
    // Optional packages are those of other platforms; npm leaves them out.
    if (present === undefined && optional !== true && devOptional !== true) return `${folder} is missing`;
    if (present !== undefined && present.version !== version) return `${folder} is not at ${version}`;
  }
  return undefined;
}

const reason = reasonToInstall();
if (reason !== undefined) {
  console.error(`${reason}: running npm ci`);
  // npm tells its scripts where it lives; calling it through Node avoids npm.cmd on Windows.
  const npm = process.env["npm_execpath"];
  const [command, args] = npm === undefined ? ["npm", ["ci"]] : [process.execPath, [npm, "ci"]];
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) {
    console.error(
      `npm ci failed${error === undefined ? "" : ` (${error.message})`}: run it by hand to see why`,
    );
    process.exitCode = 1;
  }
}
