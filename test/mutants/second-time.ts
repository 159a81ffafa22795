/** Faults that are not there the first time: another connection of a run, another file of a connection, another address of a host. */
import type { Mutant } from "./found.ts";

const noticedBy = "test/net/second-time.test.ts";
const addresses = "src/net/client/addresses.ts";

export const SECOND_TIME: readonly Mutant[] = [
  {
    name: "the certificate is not checked on a reconnect",
    ...{
      file: "src/net/extensions/trust/tls.ts",
      from: "    judge(socket, host, port, fingerprints);",
      to: '    if (!("seen" in trust)) judge(socket, host, port, fingerprints);\n    Object.assign(trust, { seen: true });',
    },
    noticedBy,
  },
  {
    name: "skipped bytes add up over refused files",
    ...{ file: "src/net/server/upload-session.ts", from: "      this.#skippedBytes = 0;\n", to: "" },
    noticedBy,
  },
  {
    name: "the sync of a new token file is not awaited",
    ...{
      file: "src/net/extensions/trust/private-files.ts",
      from: "    await handle.sync();",
      to: "    handle.sync().catch(() => {});",
    },
    noticedBy,
  },
  {
    name: "the sync of a new sender key is not awaited",
    ...{
      file: "src/cli/commands/send-key.ts",
      from: "      await file.sync();",
      to: "      file.sync().catch(() => {});",
    },
    noticedBy,
  },
  {
    name: "a slow address is given up when the next one is tried",
    ...{
      file: addresses,
      from: "    if (end.aborted) break;",
      to: "    socket.destroy(new Error());\n    if (end.aborted) break;",
    },
    noticedBy: "test/net/addresses.test.ts",
  },
  {
    name: "sockets that lost the race stay open",
    ...{ file: addresses, from: "for (const socket of sockets) socket.destroy();", to: "sockets.clear();" },
    noticedBy: "test/net/addresses.test.ts",
  },
  {
    name: "any host name is answered",
    ...{ file: "src/net/extensions/observe/metrics-server.ts", from: '!name.includes(".")', to: 'name.includes("")' },
    noticedBy: "test/net/metrics-server.test.ts",
  },
];
