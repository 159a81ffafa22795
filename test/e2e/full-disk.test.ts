/** A disk that others have filled to its last block, on real file systems: verdicts are written, and the server starts. */
import { chownSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type FileSystem, loopDisk } from "../support/loop-disk.ts";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const FILES = 30;
const USERS = [
  ["root", 0],
  ["another user", 65_534],
] as const;
const DISKS = ["ext4", "xfs", "btrfs"] as const satisfies FileSystem[];
/** Where a block is written where it was, the index has room of its own, and needs no other. */
const IN_PLACE: readonly FileSystem[] = ["ext4", "xfs"];

describe.each(DISKS)("on a full %s", (kind) => {
  test.for(USERS)(
    "a server that runs as %s takes every verdict, and starts or says why not",
    async ([, uid], context) => {
      const disk = loopDisk(context, kind);
      const place = new Place();
      const spool = join(disk.folder, "spool");
      mkdirSync(spool);
      chownSync(spool, uid, uid);
      const start = () => {
        const words = ["serve", "--json", "--port", "0", "--spool", spool, "--min-free-disk", "16MiB"];
        return place.start(words, { uid, cwd: disk.folder });
      };
      let server = start();
      let { port } = await server.seen("listening");
      const paths = Array.from({ length: FILES }, (_, at) => writeSmall(place.path(`file ${at}`), `content ${at}`));
      await place.run(place.send(port, ...paths));
      disk.fill();
      const receiver = await place.run(place.receive(port));
      expect(receiver.all("acked").length).toBe(FILES);
      // A server looks at its disk once a second. Before that, the room that was kept for verdicts may take a small file.
      const again = () => place.send(port, "--again", "--retry", "0s", paths[0] as string);
      let refused = again();
      while ((await refused.ended) === 0) refused = again();
      await place.run(refused, 5);
      expect(await refused.seen((event) => event.event === "refused" || event.event === "error")).toMatchObject({
        code: "disk-full",
      });
      expect(await server.kill("SIGTERM")).toBe(0);

      // Worse: what was kept for this is gone, too.
      rmSync(join(spool, "reserve"), { force: true });
      disk.fill();
      server = start();
      if (IN_PLACE.includes(kind)) {
        ({ port } = await server.seen("listening"));
        const empty = await place.run(place.receive(port));
        expect(await empty.seen("done")).toMatchObject({ landed: 0 });
        expect(await server.kill("SIGTERM")).toBe(0);
        return;
      }
      expect(await server.ended).toBe(5);
      expect(await server.seen("error").catch(() => server.events.at(-1))).toMatchObject({ code: "disk-full" });
    },
  );
});
