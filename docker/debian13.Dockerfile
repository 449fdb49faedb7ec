# The root file system already has the programs that a build calls (packages in images.toml): no network is needed here.
ARG ROOT
FROM ${ROOT}
