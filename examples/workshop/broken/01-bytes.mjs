/** What many first programs over a socket do: one write is one message, and bytes are text. */

export const encode = (messages) => Buffer.concat(messages);

export function decode(reads) {
  const messages = [];
  for (const read of reads) {
    const text = read.toString("utf8"); // "it is only bytes until I decode it"
    messages.push(Buffer.from(text));
  }
  return { messages, complete: true }; // the peer has closed, so that must have been all
}
