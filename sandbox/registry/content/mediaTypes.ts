/** The media types of manifests and of what they point at, OCI and Docker. */
export const ociManifest = "application/vnd.oci.image.manifest.v1+json";
export const ociIndex = "application/vnd.oci.image.index.v1+json";
export const ociConfig = "application/vnd.oci.image.config.v1+json";
export const ociLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
export const ociEmpty = "application/vnd.oci.empty.v1+json";

export const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
export const dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
export const dockerConfig = "application/vnd.docker.container.image.v1+json";
export const dockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip";

export function isImageType(mediaType: string): boolean {
  return mediaType === ociManifest || mediaType === dockerManifest;
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === ociIndex || mediaType === dockerIndex;
}
