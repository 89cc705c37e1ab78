/**
 * Whether a version of an object is older than another. Versions of one resource are numbers that grow (Kubernetes 1.35 promises it,
 * KEP-5504; it always was so); what is no number is taken for newer.
 */
export function isOlder(version: string, than: string): boolean {
  if (!/^[0-9]+$/.test(version) || !/^[0-9]+$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}
