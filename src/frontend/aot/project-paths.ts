/**
 * Paths of source files, which are named as the host names them (relative, absolute, with ".."), and their places in the
 * in-memory file system of ts-morph, whose paths are absolute and normalised.
 *
 * Ensures: `hostPath(projectPath(path))` is `path`, where that is written with "/" and has no "." in it.
 */
const ROOT = "$root";
const UP = "$up";

export const projectPath = (path: string): string =>
  `/${(path.startsWith("/") ? `${ROOT}${path}` : path)
    .split("/")
    .map((part) => (part === ".." ? UP : part))
    .join("/")}`;

export function hostPath(path: string): string {
  const parts = path
    .slice(1)
    .split("/")
    .map((part) => (part === UP ? ".." : part));
  return parts[0] === ROOT ? `/${parts.slice(1).join("/")}` : parts.join("/");
}

/** What a relative import of a file names. */
export function resolvePath(importer: string, specifier: string): string {
  const parts = importer.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "." || part === "") continue;
    const last = parts.at(-1);
    if (part === ".." && last !== undefined && last !== ".." && last !== "") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}
