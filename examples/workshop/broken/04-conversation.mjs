/** Flags, and ifs around them. Every path that somebody thought of works. */
export function createServer(spool) {
  let name = null;
  let text = "";
  return {
    on(frame) {
      if (frame.type === "offer") {
        if (!spool.mayTake(frame.name)) return ["refuse"];
        name = frame.name;
        return ["accept"];
      }
      if (frame.type === "data") {
        text += frame.text;
        return [];
      }
      if (frame.type === "finish" && name.length > 0) {
        spool.store(name, text);
        name = null;
        text = "";
        return ["stored"];
      }
      return [];
    },
  };
}
