import type { KubeClient } from "../../kube/kubeClient.ts";
import { type JsonObject, fieldsOf } from "../../json/fields.ts";
import { metadataOf } from "../../kube/object.ts";
import { compilePolicy } from "../../policy/compile/policy.ts";
import type { DataReference } from "../../policy/compile/resolve.ts";
import { OBJECT_SCHEMAS } from "../../crds/objectSchemas.ts";
import type { ImageSecurityPolicy } from "../../crds/types.ts";
import { GROUP } from "../input/policyFiles.ts";
import type { Manifest } from "../input/manifests.ts";
import { validateObject } from "../schema/validateObject.ts";
import { getOne, listAll } from "./connect.ts";

/** In place of a file: what the cluster has. */
const FROM_CLUSTER = "cluster";

/** An object of a cluster in the form of one that was read from a file. */
export const manifestOf = (apiVersion: string, kind: string, object: unknown): Manifest => {
  const { name, namespace } = metadataOf(object);
  return {
    path: FROM_CLUSTER,
    // Objects in lists leave out what they are.
    object: { ...fieldsOf(object), apiVersion, kind },
    apiVersion,
    kind,
    name,
    namespace,
    lineOf: () => 1,
  };
};

/**
 * What a cluster judges by, but for what stands `instead` of it: its policies and exceptions, the labels of its namespaces, and what all of the
 * policies refer to. A key that the kubeconfig's user may not read is a UsageError: a verdict without it would not be the cluster's.
 */
export const clusterManifests = async (
  client: KubeClient,
  instead: readonly Manifest[] = [],
): Promise<readonly Manifest[]> => {
  const replaced = new Set(instead.map(keyOf));
  const ours = Object.keys(OBJECT_SCHEMAS).map(async (kind) => {
    const path = `/apis/${GROUP}/v1/${PLURALS[kind] ?? ""}`;
    return (await listAll(client, path))
      .map((object) => manifestOf(`${GROUP}/v1`, kind, withoutStatus(object)))
      .filter((one) => !replaced.has(keyOf(one)));
  });
  const [namespaces, ...rest] = await Promise.all([listAll(client, "/api/v1/namespaces"), ...ours]);
  const policies = rest.flat();
  const wanted = new Map<string, DataReference>();
  for (const { kind, apiVersion, object } of [...policies, ...instead]) {
    const schema = OBJECT_SCHEMAS[kind];
    if (kind !== "ImageSecurityPolicy" || apiVersion !== `${GROUP}/v1` || schema === undefined) continue;
    const { value, faults } = validateObject(schema, object);
    // Whoever judges by it says what is wrong with it.
    if (faults.length > 0) continue;
    // Of the schema's shape, from which the type is generated.
    compilePolicy(value as ImageSecurityPolicy, (reference) => {
      if (!replaced.has(keyOf(reference))) wanted.set(keyOf(reference), reference);
      return { status: "missing", message: "is read next" };
    });
  }
  const data = await Promise.all(
    [...wanted.values()].map(async ({ kind, namespace, name }) => {
      const plural = kind === "Secret" ? "secrets" : "configmaps";
      const object = await getOne(
        client,
        `/api/v1/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`,
      );
      return object === undefined ? [] : [manifestOf("v1", kind, object)];
    }),
  );
  const labelled = namespaces.map((one) => manifestOf("v1", "Namespace", one));
  return [...policies, ...labelled.filter((one) => !replaced.has(keyOf(one))), ...data.flat()];
};

const keyOf = ({ kind, namespace, name }: Pick<Manifest, "kind" | "namespace" | "name">): string =>
  `${kind} ${namespace}/${name}`;

const PLURALS: Readonly<Record<string, string>> = {
  ImageSecurityPolicy: "imagesecuritypolicies",
  ImageSecurityException: "imagesecurityexceptions",
};

const withoutStatus = (object: unknown): JsonObject => {
  const { status: _status, ...rest } = fieldsOf(object);
  return rest;
};
