/** The laws of the Spool contract; contract.test.ts runs them on every implementation. */
import { describe } from "vitest";
import { boundLaws } from "./contract-bounds.ts";
import { deliveryLaws } from "./contract-deliveries.ts";
import { expiryLaws } from "./contract-expiry.ts";
import { inFlightLaws } from "./contract-in-flight.ts";
import { lookingLaws } from "./contract-looking.ts";
import { operateLaws } from "./contract-operate.ts";
import { streamLaws } from "./contract-streams.ts";
import { uploadLaws } from "./contract-uploads.ts";
import type { Implementation } from "./subject.ts";

export function spoolContract(implementation: Implementation): void {
  describe(implementation.name, () => {
    describe("uploads", () => uploadLaws(implementation));
    describe("streams", () => streamLaws(implementation));
    describe("deliveries", () => deliveryLaws(implementation));
    describe("in flight", () => inFlightLaws(implementation));
    describe("bounds", () => boundLaws(implementation));
    describe("expiry", () => expiryLaws(implementation));
    describe("looking", () => lookingLaws(implementation));
    describe("operators", () => operateLaws(implementation));
  });
}
