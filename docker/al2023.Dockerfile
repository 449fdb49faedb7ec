# Amazon Linux 2023 with the programs that a build calls. Its releasever locks packages to the same release.
ARG ROOT
FROM ${ROOT}
RUN dnf install --assumeyes --setopt=install_weak_deps=False \
        diffutils findutils gawk make patch perl-interpreter \
        'perl(Data::Dumper)' 'perl(File::Compare)' 'perl(File::Copy)' 'perl(FindBin)' 'perl(IPC::Cmd)' \
        'perl(Pod::Usage)' 'perl(Time::Piece)' \
    && dnf clean all
