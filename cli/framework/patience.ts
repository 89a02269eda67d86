/** How long commands that follow or wait bridge a lost connection, such as a server that is being restarted. */
export const PATIENT_BRIDGE_MS = 60_000;
