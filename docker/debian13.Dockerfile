# What a build calls is in the root file system: images.toml has the packages, so that no network is needed here.
ARG ROOT
FROM ${ROOT}
