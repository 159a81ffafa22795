/**
 * The course: nine pages, and the gaps that each of them opens in the reader's copy of minimal/.
 *
 * A gap is a region of a file of minimal/ (`// region: name`). In the reader's copy its lines are gone. Instead there is a
 * task, and code that throws. Where the program has to go on without the gap there is a stand-in that does less.
 */

export interface Gap {
  readonly file: string;
  readonly region: string;
  /** What to write, in one or two sentences. It stands in the reader's copy. */
  readonly task: string;
  /** Code that stands in for the gap until it is written. Without it, the gap throws. */
  readonly standIn?: string;
}

export interface Page {
  readonly number: number;
  readonly title: string;
  readonly gaps: readonly Gap[];
}

const gap = (file: string, region: string, task: string, standIn?: string): Gap =>
  standIn === undefined ? { file, region, task } : { file, region, task, standIn };

export const COURSE: readonly Page[] = [
  {
    number: 1,
    title: "Bytes are not messages",
    gaps: [
      gap(
        "connection.ts",
        "read",
        "Ask #bytes for a read, give it to the decoder, and yield what #interpret makes of each frame. Ask for the next " +
          "read only when no frame is left. An end inside a frame (midFrame) is a loss.",
      ),
    ],
  },
  {
    number: 2,
    title: "Frames you can trust",
    gaps: [
      gap(
        "connection.ts",
        "interpret",
        "A frame of an unknown type is an error, unless it carries FLAG_OPTIONAL. Decode the message, pass over pings, and " +
          "keep what the peer calls an error (asError) in #failure; #read throws it. The first message makes the peer known: then data frames may be " +
          "as long as LIMITS.dataBytesMax.",
      ),
      gap(
        "connection.ts",
        "write",
        "Refuse to write when the connection is over (#lost). Note the time in #saidMs. Write the header and the payload as " +
          "one piece, and wait until the wire has taken it.",
      ),
    ],
  },
  {
    number: 3,
    title: "Cutting a file",
    gaps: [
      gap(
        "growing-file.ts",
        "append",
        "overlap() says how many bytes of the chunk are here already, and dropBytes() leaves them out. Write the rest, give " +
          "it to the digest, and move `next`. Sync when SYNC_BYTES have come since the last sync, and say if you did. A " +
          "file that is not open any more was `superseded`.",
      ),
      gap(
        "growing-file.ts",
        "finish",
        "Compare size and digest with what the sender said. If one is wrong, remove the file and throw size-mismatch or " +
          "digest-mismatch. If both are right, sync and close. A file that is not open any more was " +
          "`superseded`.",
      ),
    ],
  },
  {
    number: 4,
    title: "A conversation, not a stream",
    gaps: [
      gap(
        "server.ts",
        "open",
        "Remember the offer, and ask the queues for an answer. The table has two events for it: accepted, when there is " +
          "something to send, and already. An error goes to refuse().",
      ),
      gap(
        "server.ts",
        "append",
        "Check the chunk (checkChunk also learns the size of a stream). Append it to the upload, and wait for that; an error " +
          "goes to refuse(). When append says that it has synced, tell the sender `progress`: what is durable, and no more.",
      ),
      gap(
        "server.ts",
        "store",
        "Is this finish about the file that was offered, and is its size known? Let the queues finish the upload. Only when " +
          "they have, tell the sender that the file is stored. If they cannot, tell it why.",
      ),
    ],
  },
  {
    number: 5,
    title: "Remembering through a crash",
    gaps: [
      gap("queues.ts", "move", "Rename, then make the change durable. A rename changes two folders."),
      gap(
        "queues.ts",
        "finish",
        "Four steps in this order: the content is right and on disk; the record is on disk, in uploads/; the record moves into " +
          "queues/; only then memory knows the file (uploads, add). Return the record.",
      ),
      gap(
        "queues.ts",
        "load",
        "Read the records in queues/ in the order of their numbers, and add() each; not those that are in done/ as well, which " +
          "were collected. Tidy up: remove records in uploads/, and the content of files that are in done/.",
      ),
    ],
  },
  {
    number: 6,
    title: "Picking up where we stopped",
    gaps: [
      gap(
        "growing-file.ts",
        "resume",
        "Go on with what an earlier attempt left: feed the digest with it, and sync it before anybody relies on it.",
        'if (file.next > 0) throw new Error("page 6: resume in growing-file.ts is yours to write");',
      ),
      gap(
        "send.ts",
        "send",
        "Read all of the file in pieces of CHUNK_BYTES, and give each to the digest. Send the pieces that the server lacks " +
          "(from `from` on), as long as nothing was said about the file yet.",
      ),
      gap(
        "receive.ts",
        "fetch",
        "Ask for a large file from the byte that the part lacks (`start`). Take frames until the part is whole: data is " +
          "checked and appended, withdraw returns false, and anything else is an error. Then finish the part, and return " +
          "true.",
      ),
    ],
  },
  {
    number: 7,
    title: "Handing it over",
    gaps: [
      gap(
        "queues.ts",
        "lease",
        "Find the first file of the queue that nobody holds. Give the delivery a token that was never granted before, start " +
          "its time with renew(), and count the attempt. Null when there is none.",
      ),
      gap(
        "queues.ts",
        "ack",
        "leased() finds the file of a token, or throws lease-lost. The lease must not run out while the record moves to " +
          "done/. Forget the file when it has moved, and remove its content last.",
      ),
      gap("queues.ts", "give-back", "End the lease and keep the place in line. Tell the listeners."),
      gap("queues.ts", "expire", "Give back every file whose time is over."),
      gap(
        "server.ts",
        "hand-out",
        "While the table is ready, the receiver has credit and was not told that nothing waits: lease a file, remember " +
          "it in `open`, and tell the table whether it is small, large or none.",
      ),
      gap(
        "server.ts",
        "verdict",
        "Does this receiver still hold the file (renew)? If not, tellLost. After an ack, tell it `acked` when the queues have " +
          "recorded it. After a nack, give the file back.",
      ),
      gap(
        "receive.ts",
        "land",
        "Unless the part has two names already, fetch it as below, and link it to its name in `output`; when that is taken, to " +
          "the next numbered() one. Sync the folder. Rename the part to its mark. Set `path` to where it landed.",
        "const growing = await openGrowingFile(part, size, algorithm);\n" +
          "if (!(await fetch(file, growing).finally(growing.close))) return;\n" +
          'throw new Error("page 7: land in receive.ts is yours to write");',
      ),
    ],
  },
  {
    number: 8,
    title: "Going faster without lying",
    gaps: [
      gap(
        "send.ts",
        "ask",
        "Which files wait for the server's answer before their content is sent? A question costs a round trip, and the " +
          "answer saves bytes only for a large file.",
        "const wait = true;",
      ),
    ],
  },
  {
    number: 9,
    title: "Convincing ourselves",
    gaps: [
      gap(
        "receive.ts",
        "names",
        "How many names does a file have (nlink)? 0 means that it does not exist.",
        "const namesOf = async (_path: string) => 0; // until then, nothing has ever landed",
      ),
    ],
  },
];

export const pageOf = (number: number): Page => {
  const page = COURSE.find((each) => each.number === number);
  if (!page) throw new Error(`the workshop has pages 1 to ${COURSE.length}, and no page ${number}`);
  return page;
};
