/** The rules as a table: a row for each state, a cell for each event that may come in it. No cell: a broken rule. */
export const TABLE = {
  ready: { accepted: "receiving", refused: "skipping" },
  receiving: { data: "receiving", finish: "ready" },
  skipping: { data: "skipping", finish: "ready", accepted: "receiving", refused: "skipping" },
};

export function createServer(spool) {
  let state = "ready";
  let file = null;
  return {
    on(frame) {
      const isOffer = frame.type === "offer";
      const event = isOffer ? (spool.mayTake(frame.name) ? "accepted" : "refused") : frame.type;
      const from = state;
      const to = Object.hasOwn(TABLE[from], event) ? TABLE[from][event] : null;
      if (to === null) throw Object.assign(new Error(`${frame.type} while ${from}`), { code: "not-allowed" });
      state = to;
      if (event === "refused") return ["refuse"];
      if (event === "accepted") {
        file = { name: frame.name, text: "" };
        return ["accept"];
      }
      if (from === "skipping") return [];
      if (event === "data") file.text += frame.text;
      if (event !== "finish") return [];
      spool.store(file.name, file.text);
      return ["stored"];
    },
  };
}
