import {
  ApiException,
  type V1MutatingWebhookConfiguration,
  type V1Secret,
  type V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import type { CertificateStoreOptions } from "../../../../webhook/certificates/certificateStore.ts";
import type { ConfigurationsApi } from "../../../../webhook/configurations/webhookConfigurations.ts";

interface Stored {
  metadata?: { name?: string; resourceVersion?: string };
}

/** One object with optimistic concurrency, as the API server has it. */
class Slot<T extends Stored> {
  value: T | undefined;
  writes = 0;
  #version = 0;

  read(): Promise<T> {
    return this.value === undefined ? refuse(404) : Promise.resolve(structuredClone(this.value));
  }

  create(value: T): Promise<T> {
    return this.value === undefined ? this.#store(value) : refuse(409);
  }

  replace(value: T): Promise<T> {
    if (this.value === undefined) return refuse(404);
    const wanted = value.metadata?.resourceVersion;
    return wanted !== undefined && wanted !== String(this.#version) ? refuse(409) : this.#store(value);
  }

  delete(): void {
    this.value = undefined;
  }

  #store(value: T): Promise<T> {
    this.#version += 1;
    this.writes += 1;
    // A copy of what was handed in, as JSON would make it.
    this.value = JSON.parse(
      JSON.stringify({ ...value, metadata: { ...value.metadata, resourceVersion: String(this.#version) } }),
    ) as T;
    return this.read();
  }
}

const refuse = (code: number): Promise<never> => Promise.reject(new ApiException(code, "refused", {}, {}));

type Configuration = V1ValidatingWebhookConfiguration | V1MutatingWebhookConfiguration;

interface FakeApi {
  readonly secret: Slot<V1Secret>;
  readonly validating: Slot<V1ValidatingWebhookConfiguration>;
  readonly mutating: Slot<V1MutatingWebhookConfiguration>;
  readonly secrets: CertificateStoreOptions["api"];
  readonly configurations: ConfigurationsApi;
  /** Called before each write; what it throws is the answer. */
  beforeWrite: () => void | Promise<void>;
}

/** A Kubernetes API that holds the webhook's three objects. */
export const fakeApi = (): FakeApi => {
  const api: FakeApi = {
    secret: new Slot(),
    validating: new Slot(),
    mutating: new Slot(),
    beforeWrite: () => undefined,
    secrets: {
      readNamespacedSecret: () => api.secret.read(),
      createNamespacedSecret: async ({ body }) => {
        await api.beforeWrite();
        return await api.secret.create(body);
      },
      replaceNamespacedSecret: async ({ body }) => {
        await api.beforeWrite();
        return await api.secret.replace(body);
      },
    },
    configurations: {
      readValidatingWebhookConfiguration: () => api.validating.read(),
      readMutatingWebhookConfiguration: () => api.mutating.read(),
      createValidatingWebhookConfiguration: async ({ body }) => {
        await api.beforeWrite();
        return await api.validating.create(body);
      },
      createMutatingWebhookConfiguration: async ({ body }) => {
        await api.beforeWrite();
        return await api.mutating.create(body);
      },
      patchValidatingWebhookConfiguration: async ({ body }) => {
        await api.beforeWrite();
        return await api.validating.replace(merged(await api.validating.read(), body));
      },
      patchMutatingWebhookConfiguration: async ({ body }) => {
        await api.beforeWrite();
        return await api.mutating.replace(merged(await api.mutating.read(), body));
      },
    },
  };
  return api;
};

interface Patch {
  readonly metadata: { readonly resourceVersion?: string };
  readonly webhooks: Configuration["webhooks"];
}

/** A JSON merge patch, as far as the webhook sends them: the list as a whole. */
const merged = <T extends Configuration>(live: T, patch: Patch): T => {
  const metadata = Object.assign({}, live.metadata, { resourceVersion: patch.metadata.resourceVersion });
  return Object.assign({}, live, { metadata, webhooks: patch.webhooks });
};
