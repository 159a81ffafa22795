/** Names of files and of machines, as node:path and node:os give them; here every machine is in its top folder. */

export const join = (...names: string[]): string => names.join("/").replace(/\/{2,}/g, "/");
export const resolve = (path: string): string => join("/", path);
export const dirname = (path: string): string => path.replace(/\/?[^/]*$/, "") || "/";
export const basename = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
export const hostname = (): string => "page";
