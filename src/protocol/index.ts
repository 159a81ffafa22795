/**
 * The protocol as a library of its own: pure, so that it runs in a browser as well as in Node.
 * Reading order: errors, limits, checksum, frame, decoder, messages, chunks, machine, upload, delivery, operate, names.
 */
export * from "./checksum.ts";
export * from "./chunks.ts";
export * from "./decoder.ts";
export * from "./delivery.ts";
export * from "./errors.ts";
export * from "./fields.ts";
export * from "./frame.ts";
export * from "./limits.ts";
export * from "./messages.ts";
export * from "./names.ts";
export * from "./operate.ts";
export * from "./operate-messages.ts";
export * from "./state-machine.ts";
export * from "./upload.ts";
