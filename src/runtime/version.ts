/** The version of package.json (a test compares): what caches on disk are valid for. */
export const PACKAGE_VERSION = "0.1.0";
