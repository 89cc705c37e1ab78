import { denied } from "../review/admissionResponse.ts";
import { PROBE_ANSWER } from "../configurations/probe.ts";
import type { Handler } from "../review/handler.ts";

/** `/probe`: refuses whatever it is asked about. Only the operator's own probe is (`probeEntry`), and only as a dry run. */
export const answerProbe: Handler = ({ uid }) => denied(uid, PROBE_ANSWER);
