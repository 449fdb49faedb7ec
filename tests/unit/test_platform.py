"""builder.platform: what can be built, and where."""

import platform

import pytest

from builder.errors import UnknownTarget
from builder.platform import CPUS, Platform, make_platform, this_machine


def test_triplets_use_the_machines_own_name() -> None:
    assert [Platform(cpu).triplet for cpu in CPUS] == ["x86_64-linux-gnu", "aarch64-linux-gnu"]


def test_the_layer_runs_on_the_glibc_of_amazon_linux_2() -> None:
    assert make_platform("x86_64").glibc == "2.26"


def test_a_platform_is_for_the_runtimes_whose_glibc_is_as_new() -> None:
    assert Platform(CPUS[0]).runtimes == ("provided.al2023", "provided.al2")
    assert Platform(CPUS[0], "2.27").runtimes == ("provided.al2023",)


def test_platforms_that_differ_print_differently() -> None:
    platforms = (*map(Platform, CPUS), Platform(CPUS[0], "2.34"))
    assert len({str(platform) for platform in platforms}) == len(platforms)  # keys of steps hold what is printed


@pytest.mark.parametrize("arch", ["riscv64", "aarch64", "amd64", "X86_64", "", "../x"])
def test_an_unknown_architecture_is_refused_with_the_known_ones(arch: str) -> None:
    with pytest.raises(UnknownTarget) as caught:
        make_platform(arch)
    assert repr(arch) in caught.value.what
    assert all(cpu.lambda_name in caught.value.why for cpu in CPUS)
    assert caught.value.do.startswith("Pass --arch ")


@pytest.mark.parametrize(("uname", "name"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")])
def test_the_machine_at_hand_is_known_by_either_name(monkeypatch: pytest.MonkeyPatch, uname: str, name: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: uname)
    assert this_machine().lambda_name == name


def test_a_machine_without_a_pinned_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(UnknownTarget, match="riscv64"):
        this_machine()
