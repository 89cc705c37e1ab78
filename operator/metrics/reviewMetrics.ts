import { Counter, Gauge, type Registry } from "prom-client";
import { TURNED_AWAY, type TurnedAway } from "../../webhook/metrics.ts";

/** Whether the webhook has room: what it has in hand, and what it did not take. Gives what counts the latter. */
export function addReviewMetrics(registers: Registry[], inHand: () => number | undefined): (why: TurnedAway) => void {
  const gauge: Gauge = new Gauge({
    name: "image_security_reviews_in_hand",
    help: "Reviews that wait for evidence; at most 1,000.",
    registers,
    collect: () => gauge.set(inHand() ?? 0),
  });
  const turnedAway = new Counter({
    name: "image_security_reviews_turned_away_total",
    help: "Reviews that were not taken: too many in hand (reviews), of one namespace (namespace), from one address (address), bodies too large together (bytes), or one that came too slowly (slow).",
    labelNames: ["why"],
    registers,
  });
  for (const why of TURNED_AWAY) turnedAway.inc({ why }, 0);
  return (why) => turnedAway.inc({ why });
}
