import { spoolContract } from "./contract.ts";
import { IMPLEMENTATIONS } from "./subject.ts";

for (const implementation of IMPLEMENTATIONS) spoolContract(implementation);
