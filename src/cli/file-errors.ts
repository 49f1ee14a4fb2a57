/** Words for what an operating system says about a file. */

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is not a folder",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
  EMFILE: "too many files are open",
};

export function describeFileError(verb: "read" | "write", path: string, error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  const known = typeof code === "string" ? REASONS[code] : undefined;
  return `cannot ${verb} ${path}: ${known ?? (error instanceof Error ? error.message : String(error))}`;
}
