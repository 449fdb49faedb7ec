# Amazon Linux 2 with the programs that a build calls.
ARG ROOT
FROM ${ROOT}
RUN yum install --assumeyes \
        diffutils findutils gawk make patch perl \
        'perl(Data::Dumper)' 'perl(File::Compare)' 'perl(File::Copy)' 'perl(FindBin)' 'perl(IPC::Cmd)' \
        'perl(Pod::Usage)' 'perl(Time::Piece)' \
    && yum clean all
