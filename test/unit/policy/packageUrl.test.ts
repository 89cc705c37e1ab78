import assert from "node:assert/strict";
import type { PackageURL } from "packageurl-js";
import { imageOfPackageUrl, parsePackageUrl, samePackage } from "../../../policy/image/packageUrl.ts";

const purl = (text: string): PackageURL => {
  const parsed = parsePackageUrl(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
};

describe("a package URL", () => {
  it("begins with its scheme and can be read, or is none", () => {
    for (const text of ["", "npm/app", "pkg:", "pkg:npm", "pkg:npm/%", "xpkg:npm/app", "registry.example.com/app"])
      assert.equal(parsePackageUrl(text), undefined, text);
    assert.equal(purl("pkg:npm/app@1").name, "app");
  });

  const packages: readonly (readonly [said: string, other: string, same: boolean, why: string])[] = [
    ["pkg:deb/debian/openssl@3", "pkg:deb/debian/openssl@3", true, "all of it"],
    ["pkg:deb/debian/openssl", "pkg:deb/debian/openssl@3", true, "every version where none is said"],
    ["pkg:deb/debian/openssl@3", "pkg:deb/debian/openssl", false, "a version, and who knows which is there"],
    ["pkg:deb/debian/openssl@3", "pkg:deb/debian/openssl@3.1", false, "another version"],
    ["pkg:deb/debian/openssl@3", "pkg:deb/debian/libssl@3", false, "another name"],
    ["pkg:deb/debian/openssl@3", "pkg:deb/ubuntu/openssl@3", false, "another namespace"],
    ["pkg:npm/app@1", "pkg:npm/app@1", true, "neither has a namespace"],
    ["pkg:npm/app@1", "pkg:npm/%40a/app@1", false, "only one has a namespace"],
    ["pkg:npm/%40a/app@1", "pkg:npm/app@1", false, "only the other has one"],
    ["pkg:npm/app@1", "pkg:pypi/app@1", false, "another type"],
    ["pkg:deb/d/p@3?arch=amd64", "pkg:deb/d/p@3?arch=amd64", true, "one qualifier in both"],
    ["pkg:deb/d/p@3?arch=amd64", "pkg:deb/d/p@3?arch=arm64", false, "another architecture"],
    ["pkg:deb/d/p@3?arch=amd64", "pkg:deb/d/p@3", true, "a qualifier that only one has"],
    ["pkg:deb/d/p@3", "pkg:deb/d/p@3?arch=amd64", true, "or only the other"],
    ["pkg:deb/d/p@3?arch=amd64&distro=a", "pkg:deb/d/p@3?arch=amd64&distro=b", false, "one of two that differs"],
    ["pkg:deb/d/p@3#x", "pkg:deb/d/p@3#y", true, "subpaths"],
  ];
  for (const [said, other, same, why] of packages)
    it(`${said} ${same ? "is" : "is not"} ${other}: ${why}`, () =>
      assert.equal(samePackage(purl(said), purl(other)), same));

  const digest = "sha256:0123";
  const images: readonly (readonly [text: string, image: string | undefined, why: string])[] = [
    ["pkg:docker/nginx@1.2", "nginx:1.2", "a version is a tag"],
    ["pkg:docker/bitnami/redis@1", "bitnami/redis:1", "with its namespace"],
    ["pkg:docker/nginx", "nginx", "with neither"],
    [`pkg:docker/library/nginx@${digest}`, `library/nginx@${digest}`, "or a digest"],
    [`pkg:docker/nginx@${digest}?tag=1`, `nginx:1@${digest}`, "with the tag beside it"],
    [`pkg:docker/nginx@1?digest=${digest}`, `nginx:1@${digest}`, "or the digest"],
    ["pkg:docker/nginx@1?digest=md5:1", "nginx:1", "no digest of another algorithm"],
    ["pkg:docker/nginx@1?tag=2", "nginx:2", "a tag is what it says"],
    ["pkg:docker/a/b?repository_url=r.io", "r.io/a/b", "a host before the path"],
    [`pkg:oci/app@${digest}?repository_url=r.io/x/app`, `r.io/x/app@${digest}`, "the whole repository"],
    [`pkg:oci/app@${digest}`, `app@${digest}`, "a name alone"],
    ["pkg:oci/app@xsha256:1", "app:xsha256:1", "what merely ends like a digest is none"],
    ["pkg:npm/app@1", undefined, "a package of another type"],
    [`pkg:generic/app@${digest}?repository_url=r.io/app`, undefined, "whatever else it says"],
  ];
  for (const [text, image, why] of images)
    it(`${text} is ${image ?? "no image"}: ${why}`, () => assert.equal(imageOfPackageUrl(purl(text)), image));
});
