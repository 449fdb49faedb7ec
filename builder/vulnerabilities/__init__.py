"""``audit-cves``: what is known against the components of a layer, by its SBOM and a database in NVD's format."""
