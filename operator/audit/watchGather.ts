import type { Gather, GatherRequest } from "../../evidence/provider.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";

/** The gatherer, watched: what audits gather is shown, whenever it is there. */
export const watchGather =
  (gather: Gather, saw: (request: GatherRequest, facts: ImageFacts) => void): Gather =>
  (request) => {
    const facts = gather(request);
    if (request.mode !== "audit") return facts;
    if (!(facts instanceof Promise)) {
      saw(request, facts);
      return facts;
    }
    return facts.then((found) => {
      saw(request, found);
      return found;
    });
  };
