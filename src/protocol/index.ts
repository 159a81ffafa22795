/**
 * The protocol as a library of its own: everything that a second implementation needs.
 *
 * It is pure. It opens no socket or file, reads no clock and draws nothing by lot, so it runs in a
 * browser as well as in Node. README.md beside this file has the theory of operation.
 *
 * Reading order: errors, limits, checksum, frame, decoder, fields, messages, chunks, names,
 * state-machine, upload, delivery; operate and operate-messages only for the sake of operators.
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
