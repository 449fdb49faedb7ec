# Debian 11 on another day, for every dynamically linked program: the clock that `nox -s reproduce` varies.
ARG ROOT
FROM ${ROOT}
RUN echo "+400d" > /etc/faketimerc && ls /usr/lib/*/faketime/libfaketime.so.1 > /etc/ld.so.preload
