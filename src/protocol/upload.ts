/**
 * The upload conversation: how a file gets from a sender into a queue. Both halves, side by side.
 *
 *     sender                                server
 *     hello ------------------------------>
 *           <------------------------------ welcome             version, limits, what "stored" means
 *     offer (wait) ----------------------->                     a large file asks first ...
 *           <------------------------------ accept 48 MiB       ... and is told where to go on
 *     data @48 MiB ... ------------------->
 *           <------------------------------ progress 64 MiB     so far on disk
 *     finish digest ---------------------->                     and the size, if the offer could not say it
 *     offer, data, finish ---------------->                     a small one does not ask: no round trip
 *           <------------------------------ stored              the large one
 *           <------------------------------ stored              the small one
 *
 * The server decides every offset; the sender chooses the transfer id, so that an offer can be repeated
 * after any loss without becoming a second file. Why: adr/0011 (id), adr/0012 (resume point).
 */
import type { Transitions } from "./state-machine.ts";

/**
 * Server half, one machine per connection. The `opening` state has no cells for frames: the shell reads
 * no further frame until the spool has answered, so what a pipelining sender has sent simply waits in the
 * socket. After a refusal the rest of that file may be on its way already; `skipping` swallows it.
 */
// region: upload-server
export const UPLOAD_SERVER = {
  greeting: { hello: { to: "ready", do: ["welcome"] } },
  ready: {
    offer: { to: "opening", do: ["open"] },
    bye: { to: "closed", do: ["close"] },
  },
  opening: {
    accepted: { to: "receiving", do: ["tellOffset"] },
    already: { to: "skipping", do: ["tellStored"] },
    refused: { to: "skipping", do: ["tellRefused"] },
  },
  receiving: {
    data: { to: "receiving", do: ["append"] },
    finish: { to: "ready", do: ["store"] },
    cancel: { to: "ready", do: ["discard"] },
    refused: { to: "skipping", do: ["tellRefused"] },
  },
  skipping: {
    data: { to: "skipping", do: [] },
    finish: { to: "ready", do: [] },
    cancel: { to: "ready", do: [] },
    offer: { to: "opening", do: ["open"] },
    bye: { to: "closed", do: ["close"] },
  },
  closed: {},
} as const satisfies Transitions;
// endregion: upload-server

/**
 * Sender half, one machine per transfer, because many can be unanswered at once. `lost` is the end of the
 * connection: whatever was not stored is offered again on the next one, and the server sorts out what it
 * has. So every state but the last two goes back to `waiting`, and nothing has to be remembered.
 */
export const UPLOAD_SENDER = {
  waiting: {
    ask: { to: "asking", do: ["offer"] },
    pipe: { to: "sending", do: ["offer", "stream"] },
    fail: { to: "failed", do: ["settle"] },
    lost: { to: "waiting", do: [] },
  },
  asking: {
    accept: { to: "sending", do: ["stream"] },
    stored: { to: "stored", do: ["settle"] },
    refuse: { to: "failed", do: ["settle"] },
    lost: { to: "waiting", do: [] },
  },
  sending: {
    progress: { to: "sending", do: ["report"] },
    end: { to: "finishing", do: ["finish"] },
    fail: { to: "failed", do: ["cancel", "settle"] },
    stored: { to: "stored", do: ["settle"] },
    refuse: { to: "failed", do: ["settle"] },
    lost: { to: "waiting", do: [] },
  },
  finishing: {
    progress: { to: "finishing", do: ["report"] },
    stored: { to: "stored", do: ["settle"] },
    refuse: { to: "failed", do: ["settle"] },
    lost: { to: "waiting", do: [] },
  },
  stored: { lost: { to: "stored", do: [] } },
  failed: {
    // These crossed our cancel on the wire; nobody broke a rule.
    progress: { to: "failed", do: [] },
    stored: { to: "failed", do: [] },
    refuse: { to: "failed", do: [] },
    lost: { to: "failed", do: [] },
  },
} as const satisfies Transitions;
