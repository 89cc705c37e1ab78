import { fetch, type RequestInit, type Response } from "undici";
import { throughProxy } from "../../registry/http/environmentProxy.ts";
import { KmsError, statusError } from "./kmsError.ts";

const MAX_BYTES = 1024 * 1024;

/** What a service means by a refusal, where its status alone does not say: by the status and the answer's JSON. */
export type ReadRefusal = (status: number, answer: unknown) => KmsError | undefined;

/** One request to a key service, for JSON; redirects would carry the token elsewhere and are not followed. */
export const requestJson = async (
  url: string,
  init: { readonly method?: "GET" | "POST"; readonly headers?: Record<string, string>; readonly body?: string },
  signal: AbortSignal,
  readRefusal?: ReadRefusal,
): Promise<unknown> =>
  throughProxy((dispatcher) => ask(url, { ...init, dispatcher, redirect: "manual", signal }, readRefusal));

const ask = async (url: string, init: RequestInit, readRefusal?: ReadRefusal): Promise<unknown> => {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    throw new KmsError("unavailable", "the key service could not be reached", error);
  }
  if (!response.ok) {
    const { status } = response;
    if (readRefusal === undefined) await response.body?.cancel();
    const refusal = readRefusal?.(status, await json(response).catch(() => undefined));
    throw refusal ?? statusError(status);
  }
  return json(response);
};

const json = async (response: Response): Promise<unknown> => {
  const text = await bounded(response);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KmsError("unavailable", "the key service did not answer in JSON", error);
  }
};

const bounded = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > MAX_BYTES) throw new Error("too large");
      chunks.push(chunk);
    }
  } catch (error) {
    throw new KmsError("unavailable", "the key service's answer broke off", error);
  }
  return Buffer.concat(chunks).toString("utf8");
};
