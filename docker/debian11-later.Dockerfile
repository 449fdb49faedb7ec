# Debian 11 whose clock is ahead for every dynamically linked program: `nox -s reproduce` varies the date with it.
ARG ROOT
FROM ${ROOT}
RUN echo "+400d" > /etc/faketimerc && ls /usr/lib/*/faketime/libfaketime.so.1 > /etc/ld.so.preload
