import type { Asker, Standing } from "./asker.ts";
import type { Party } from "./party.ts";

/**
 * Notes that a party stands in a queue of ours from now on; gives what ends it. Who joins meanwhile has stood there since he came.
 *
 * @param counts whether it is our queue that they wait for.
 */
export const standIn = (party: Party, counts: () => boolean = () => true): (() => void) => {
  const standings = new Map<Asker, Standing>();
  const stand = (asker: Asker): void => {
    const standing = { since: performance.now(), counts };
    standings.set(asker, standing);
    asker.stand(standing);
  };
  const stop = party.onJoin(stand);
  for (const asker of party.askers) stand(asker);
  return () => {
    stop();
    for (const [asker, standing] of standings) asker.leave(standing);
  };
};
